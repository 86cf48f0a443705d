# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Any config of this project, cut down to a few seconds: narrow networks, small crops, a handful of images."""

import json
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

from mmengine.config import Config
from mmengine.runner import Runner

from tests.helpers.small_world import CATEGORIES, write_saliency, write_split

CONFIGS = Path(__file__).parents[2] / "configs"
SIDE, SMALL_SIDE = 64, 32
BATCH = 4
CONVNEXT_DEPTHS = (1, 1, 1, 1)
NARROW = {
    "ResNet": dict(base_channels=8, stem_channels=8),
    "mmpretrain.VisionTransformer": dict(arch=dict(embed_dims=16, num_layers=2, num_heads=2, feedforward_channels=16)),
    "ScaledPositionViT": dict(arch=dict(embed_dims=16, num_layers=2, num_heads=2, feedforward_channels=16)),
    "mmpretrain.SwinTransformer": dict(arch=dict(embed_dims=8, depths=[1, 1, 1, 1], num_heads=[1, 1, 2, 2])),
    "mmpretrain.ConvNeXt": dict(arch=dict(depths=CONVNEXT_DEPTHS, channels=(8, 8, 16, 16))),
    "RFConvNeXt": dict(arch=dict(depths=CONVNEXT_DEPTHS, channels=(8, 8, 16, 16))),
}
SMALL = dict(hidden_channels=16, embedding_dim=8, num_prototypes=4)
# Of other learners of step 1; what they are given by a backbone that is not narrowed stays as it is.
LEARNER_WIDTHS = dict(hid_channels=16, out_channels=16, feat_dim=16)
LEARNER_INPUTS = {512: 64, 320: 320}
LEARNER_PARTS = ("Neck", "CrossCorrelationHead", "MoCo", "DenseCL", "SwAVLoss", "SwAVHook", "LinearClsHead")


def leaf_configs() -> list[str]:
    """Paths below ``configs`` of all configs that are an experiment; pipelines only name others."""
    paths = (path.relative_to(CONFIGS) for path in sorted(CONFIGS.rglob("*.py")))
    return [path.as_posix() for path in paths if path.parts[0] not in ("_base_", "pipelines")]


def write_data(root: Path) -> None:
    """A data set that has every split, pixel labels, saliency maps and the result of a receptive field search."""
    for seed, split in enumerate(("train", "train-full", "train-semi", "validation")):
        write_split(root, split, images=2, seed=seed, masks=split != "train-full")
    for split in ("train", "validation"):
        write_saliency(root, split, root / "saliency")
    write_structure(root / "structure.json", CONVNEXT_DEPTHS)


def write_structure(path: Path, depths: Sequence[int]) -> None:
    """What a search of receptive fields in a ConvNeXt of such depths leaves behind."""
    names = [f"backbone.stages.{stage}.{i}.depthwise_conv" for stage, n in enumerate(depths) for i in range(n)]
    path.write_text(json.dumps(dict(structure={name: [2, 2] for name in names})))


def small_config(name: str, root: Path, work_dir: Path) -> Config:
    """A leaf config for the data of ``write_data``.

    Args:
        name: Path below ``configs``.
        root: Folder of the data.
        work_dir: Work folder.
    """
    settings = Config.fromfile(CONFIGS / name).to_dict()
    for entry in _dicts(settings):
        _shrink(entry, root)
    for key in ("train_dataloader", "val_dataloader", "test_dataloader"):
        if settings.get(key):
            _limit(settings[key], training=key == "train_dataloader")
    if "train_cfg" in settings:
        settings["train_cfg"]["max_epochs"] = 1
        if settings.get("val_cfg"):
            settings["train_cfg"]["val_interval"] = 1
    return Config(settings | dict(work_dir=str(work_dir), experiment_name=f"{Path(name).stem}-{uuid.uuid4()}"))


def run(cfg: Config) -> Runner:
    """One iteration of training, if the config trains, and one of testing, if it tests."""
    runner = Runner.from_cfg(cfg)
    if cfg.get("train_dataloader"):
        runner.train()
    if cfg.get("test_dataloader"):
        runner.test()
    return runner


def _dicts(value: object) -> Iterator[dict]:
    """All dicts inside of a config, outer ones first."""
    if isinstance(value, dict):
        yield value
        for child in list(value.values()):
            yield from _dicts(child)
    elif isinstance(value, list | tuple):
        for child in value:
            yield from _dicts(child)


def _shrink(entry: dict, root: Path) -> None:
    kind = entry.get("type")
    entry.update(NARROW.get(kind, {}))
    init = entry.get("init_cfg")
    if init and init["type"] == "Pretrained":
        entry["init_cfg"] = None
    if entry.get("structure_file"):
        entry["structure_file"] = str(root / "structure.json")
    if kind == "ResumableRFSearchHook":
        entry["interval"] = 1
    if str(kind).startswith("mmpretrain.") and kind.endswith(LEARNER_PARTS):
        _shrink_learner(entry)
    elif "num_prototypes" in entry:
        entry.update(SMALL, pretrained=None) if "pretrained" in entry else entry.update(SMALL)
        entry["queue"] = dict(length=BATCH)
    if "num_classes" in entry:
        entry["num_classes"] = len(CATEGORIES) + (kind != "mmpretrain.LinearClsHead")
    if kind == "ImageNetSDataset":
        entry.update(data_root=str(root), subset=None)
        if entry.get("label_root"):
            entry["label_root"] = str(root / "train-segmentation")
    elif kind == "mmpretrain.CustomDataset":
        entry["data_root"] = str(root)
    elif kind == "MultiCrop":
        for group in entry["groups"]:
            group["size"] = SIDE if group["size"] > 100 else SMALL_SIDE
    elif kind == "RandomResizedCropSeg":
        entry["size"] = SIDE
    elif kind in ("mmpretrain.ResizeEdge", "mmpretrain.RandomResizedCrop"):
        entry["scale"] = SIDE
    elif kind == "PseudoLabelHook":
        # A handful of images has no graph to speak of.
        entry.update(num_clusters=len(CATEGORIES), crop_size=SIDE, restarts=1, clustering="kmeans")
        if entry.get("saliency_root"):
            entry["saliency_root"] = str(root / "saliency")
    elif kind == "SupportHook":
        entry["num_workers"] = 0


def _shrink_learner(entry: dict) -> None:
    """A neck, head or algorithm of mmpretrain behind a narrowed backbone."""
    if "in_channels" in entry:
        entry["in_channels"] = LEARNER_INPUTS.get(entry["in_channels"], LEARNER_WIDTHS["out_channels"])
    entry.update({name: width for name, width in LEARNER_WIDTHS.items() if name in entry})
    small = dict(queue_len=2 * BATCH, queue_length=2 * BATCH, num_prototypes=SMALL["num_prototypes"], batch_size=BATCH)
    entry.update({name: value for name, value in small.items() if name in entry})


def _limit(loader: dict, training: bool) -> None:
    loader.update(num_workers=0, persistent_workers=False)
    loader["dataset"]["indices"] = BATCH if training else 1
    if training:
        loader["batch_size"] = BATCH
