# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Label the training images by class activation maps of a classifier and the labels of their folders.

The threshold is the best one on validation images with masks, or a given one. Free protocol: image-level labels.
"""

import argparse
from pathlib import Path

from mmengine.config import Config, DictAction
from mmengine.runner import Runner


def parse_args(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", help="a config of ClassActivationSegmentor, such as configs/baselines/cam_*")
    parser.add_argument("checkpoint", help="checkpoint of the classifier")
    parser.add_argument("--threshold", type=float, help="in 0..1; default: the best on the validation images")
    parser.add_argument("--split", default="train", help="whose images are labeled (default: train)")
    parser.add_argument("--work-dir", help="default: work_dirs/CONFIG; label maps go to its pixel_labels")
    parser.add_argument("--cfg-options", nargs="+", action=DictAction, help="changes to the config: KEY=VALUE")
    return parser.parse_args(arguments)


def best_threshold(cfg: Config) -> float:
    """The threshold of the largest mIoU on the config's own test images."""
    return Runner.from_cfg(cfg).test()["threshold"]


def write_labels(cfg: Config, split: str, threshold: float) -> Path:
    """Label the images of a split; the folder of the label maps."""
    folder = Path(cfg.work_dir, "pixel_labels")
    cfg.model.update(image_labels=True, threshold=threshold)
    cfg.test_dataloader.dataset.update(split=split, label_root=False)
    cfg.test_evaluator.update(thresholds=None, format_only=True, output_dir=str(folder))
    Runner.from_cfg(cfg).test()
    return folder


def load_config(args: argparse.Namespace) -> Config:
    cfg = Config.fromfile(args.config)
    cfg.merge_from_dict(args.cfg_options or {})
    cfg.load_from = args.checkpoint
    cfg.work_dir = args.work_dir or f"work_dirs/{Path(args.config).stem}"
    return cfg


def main(arguments: list[str] | None = None) -> None:
    args = parse_args(arguments)
    try:
        threshold = best_threshold(load_config(args)) if args.threshold is None else args.threshold
        folder = write_labels(load_config(args), args.split, threshold)
    except (ValueError, FileNotFoundError) as error:
        raise SystemExit(str(error)) from None
    print(f"label maps at the threshold {threshold:.4g} are in {folder}")


if __name__ == "__main__":
    main()
