# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Step 1 by each learner for a moment, from one start, and what the backbone is then worth without further training.

    python benchmarks/learners.py data/Flowers15 --epochs 1

trains the configs ``configs/baselines/LEARNER_efficientnet-lite0_1xb32-2e_flowers15.py`` and step 1 of PASS, then
clusters the validation images (k-means of mean features) and, if asked, matches their pixels with those of
``train-semi`` (distance matching). The start, ``checkpoints/efficientnet-lite0_imagenet.pth``, was trained with
ImageNet's labels.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmengine.runner import Runner, load_checkpoint
from mmseg.registry import DATASETS, MODELS

import mmluss  # noqa: F401
from mmluss.clustering.cluster_agreement import matched_accuracy, normalized_mutual_information
from mmluss.clustering.kmeans import kmeans, normalize_rows

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
    parser.add_argument("--images", type=int, help="how many training images, evenly spread; default: all")
    parser.add_argument("--short-side", type=int, default=128, help="of the images that are matched and clustered")
    parser.add_argument("--matching", action="store_true", help="measure distance matching, too")
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
    if "support" in cfg.default_hooks:
        cfg.default_hooks.support.num_workers = 0
    return cfg


def train(learner: str, args: argparse.Namespace, folder: str) -> str:
    """Train for some epochs; the checkpoint. All learners have batches of 32 and learning rates of one kind."""
    cfg = load(PASS if learner == "pass" else BASELINE.format(learner), args.data_root, f"{folder}/{learner}")
    cfg.train_dataloader.batch_size = 32
    [crops] = [transform for transform in cfg.train_dataloader.dataset.pipeline if transform["type"] == "MultiCrop"]
    crops["groups"][0]["size"] = args.size
    if args.images is not None:
        found = len(DATASETS.build(cfg.train_dataloader.dataset))
        cfg.train_dataloader.dataset.indices = np.linspace(0, found - 1, args.images).astype(int).tolist()
    cfg.train_cfg.max_epochs = args.epochs
    cfg.model.backbone.init_cfg.checkpoint = args.start
    Runner.from_cfg(cfg).train()
    return f"{folder}/{learner}/epoch_{args.epochs}.pth"


def distance_matching(checkpoint: str, args: argparse.Namespace, folder: str) -> float:
    """The mIoU of distance matching in percent."""
    cfg = matching_config(args, folder)
    cfg.load_from = checkpoint
    return Runner.from_cfg(cfg).test()["mIoU"]


@torch.no_grad()
def clusters(checkpoint: str, args: argparse.Namespace, folder: str) -> tuple[float, float]:
    """Accuracy and NMI of as many clusters of validation images as there are categories, in percent."""
    cfg = matching_config(args, folder)
    model = MODELS.build(cfg.model).eval()
    load_checkpoint(model, checkpoint)
    dataset, rows, categories = DATASETS.build(cfg.test_dataloader.dataset), [], []
    for index in range(len(dataset)):
        data = model.data_preprocessor(pseudo_collate([dataset[index]]), False)
        rows.append(model.extract_feat(data["inputs"]).mean(dim=(2, 3))[0].numpy())
        categories.append(dataset.get_data_info(index)["category"])
    found = kmeans(normalize_rows(np.stack(rows)), len(set(categories))).assignments
    truth = np.array(categories)
    return 100 * matched_accuracy(found, truth), 100 * normalized_mutual_information(found, truth)


def matching_config(args: argparse.Namespace, folder: str) -> Config:
    cfg = load(MATCHING, args.data_root, folder)
    for dataset in (cfg.test_dataloader.dataset, cfg.default_hooks.support.dataset):
        [resize] = [transform for transform in dataset.pipeline if transform["type"] == "mmpretrain.ResizeEdge"]
        resize["scale"] = args.short_side
    return cfg


def main() -> None:
    args = parse_args()
    init_default_scope("mmseg")
    print("| step 1 by | processor seconds | cluster accuracy | NMI | distance matching mIoU |")
    print("| --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        for learner in args.learners:
            begun = time.process_time()
            checkpoint = args.start if learner == "start" else train(learner, args, folder)
            seconds = time.process_time() - begun
            figures = [f"{figure:.1f}" for figure in clusters(checkpoint, args, f"{folder}/{learner}-clusters")]
            if args.matching:
                figures.append(f"{distance_matching(checkpoint, args, f'{folder}/{learner}-matching'):.1f}")
            print(f"| {learner} | {seconds:.0f} | {' | '.join(figures)} |", flush=True)


if __name__ == "__main__":
    main()
