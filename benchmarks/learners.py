# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Step 1 by each learner for a moment, from one start, and what the backbone is then worth without further training.

    python benchmarks/learners.py data/Flowers15 --epochs 1

trains the configs ``configs/baselines/LEARNER_efficientnet-lite0_1xb32-2e_flowers15.py`` and step 1 of PASS, then
matches validation pixels with those of ``train-semi`` (distance matching) and clusters the validation images (k-means
of mean features). The start, ``checkpoints/efficientnet-lite0_imagenet.pth``, was trained with ImageNet's labels.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.runner import Runner
from mmengine.utils import mkdir_or_exist

import mmluss  # noqa: F401
from mmluss.clustering.cluster_agreement import matched_accuracy, normalized_mutual_information
from mmluss.clustering.kmeans import kmeans

CONFIGS = Path(__file__).parents[1] / "configs"
START = "checkpoints/efficientnet-lite0_imagenet.pth"
BASELINE = "baselines/{}_efficientnet-lite0_1xb32-2e_flowers15.py"
PASS = "pass/pass-pretrain_efficientnet-lite0_1xb64-10e_flowers15.py"
MATCHING = "distance_matching/knn_efficientnet-lite0_flowers15.py"
LEARNERS = ("simclr", "mocov2", "mocov3", "byol", "swav", "densecl", "simsiam", "barlowtwins", "pass")


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data_root", help="data in the layout of ImageNet-S, with train-semi and validation masks")
    parser.add_argument("--learners", nargs="+", default=["start", *LEARNERS], choices=["start", *LEARNERS])
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--size", type=int, default=96, help="side of the views in pixels")
    parser.add_argument("--start", default=START, help="checkpoint that all learners start from")
    return parser.parse_args()


def load(name: str, data_root: str, work_dir: str) -> Config:
    cfg = Config.fromfile(CONFIGS / name)
    cfg.work_dir, cfg.experiment_name = work_dir, Path(work_dir).name
    cfg.log_level = "WARNING"
    loaders = [cfg[key] for key in ("train_dataloader", "val_dataloader", "test_dataloader") if cfg.get(key)]
    for loader in loaders:
        # All in this process, whose time is measured.
        loader.update(num_workers=0, persistent_workers=False)
    datasets = [loader.dataset for loader in loaders]
    datasets += [hook["dataset"] for hook in cfg.default_hooks.values() if hook and "dataset" in hook]
    for dataset in datasets:
        dataset["data_root"] = data_root
    return cfg


def train(learner: str, args: argparse.Namespace, folder: str) -> str:
    """Train for some epochs; the checkpoint. All learners have batches of 32 and learning rates of one kind."""
    cfg = load(PASS if learner == "pass" else BASELINE.format(learner), args.data_root, f"{folder}/{learner}")
    cfg.train_dataloader.batch_size = 32
    [crops] = [transform for transform in cfg.train_dataloader.dataset.pipeline if transform["type"] == "MultiCrop"]
    crops["groups"][0]["size"] = args.size
    cfg.train_cfg.max_epochs = args.epochs
    cfg.model.backbone.init_cfg.checkpoint = args.start
    Runner.from_cfg(cfg).train()
    return f"{folder}/{learner}/epoch_{args.epochs}.pth"


@torch.no_grad()
def measure(checkpoint: str, args: argparse.Namespace, folder: str) -> tuple[float, float, float]:
    """Distance matching: mIoU; clusters of validation images: accuracy and NMI; in percent."""
    cfg = load(MATCHING, args.data_root, folder)
    cfg.load_from = checkpoint
    runner = Runner.from_cfg(cfg)
    miou = runner.test()["mIoU"]
    dataset, rows, categories = runner.test_dataloader.dataset, [], []
    for index in range(len(dataset)):
        data = runner.model.data_preprocessor(pseudo_collate([dataset[index]]), False)
        rows.append(runner.model.extract_feat(data["inputs"]).mean(dim=(2, 3))[0].cpu().numpy())
        categories.append(dataset.get_data_info(index)["category"])
    embeddings = np.stack(rows) / np.linalg.norm(rows, axis=1, keepdims=True)
    found = kmeans(embeddings.astype(np.float32), len(set(categories)), 20, 30, 0)
    truth = np.array(categories)
    accuracy = matched_accuracy(found.assignments, truth)
    return miou, 100 * accuracy, 100 * normalized_mutual_information(found.assignments, truth)


def main() -> None:
    args = parse_args()
    print("| step 1 by | seconds | distance matching mIoU | cluster accuracy | NMI |\n| --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        for learner in args.learners:
            mkdir_or_exist(folder)
            begun, cpu = time.monotonic(), time.process_time()
            checkpoint = args.start if learner == "start" else train(learner, args, folder)
            seconds, cpu = time.monotonic() - begun, time.process_time() - cpu
            figures = measure(checkpoint, args, f"{folder}/{learner}-matching")
            shown = " | ".join(f"{figure:.1f}" for figure in figures)
            print(f"| {learner} | {seconds:.0f} (processor {cpu:.0f}) | {shown} |", flush=True)


if __name__ == "__main__":
    main()
