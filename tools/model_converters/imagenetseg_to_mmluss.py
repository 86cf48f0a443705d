# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Convert a published semi-supervised checkpoint (ResNet, ViT, ConvNeXt) or a pretrained ViT (MAE, SERE) to ours.

The kind of checkpoint is told from its weights; the config that fits them is printed. ResNets of output stride 32 and
16 have the same weights. Without a segmentation head only the backbone is written, for
    init_cfg=dict(type="Pretrained", checkpoint=OUT, prefix="backbone.")
"""

import argparse
from pathlib import Path

from mmengine.logging import MMLogger

from mmluss.checkpoints.conversion import convert_checkpoint
from mmluss.checkpoints.imagenetseg_checkpoints import imagenetseg_to_mmluss, left_out_names
from mmluss.checkpoints.kinds import CheckpointKind
from mmluss.utils.listings import shorten

EXPECTED = {
    "resnet": [CheckpointKind.SEMI_RESNET],
    "vit": [CheckpointKind.VIT],
    "convnext": [CheckpointKind.CONVNEXT, CheckpointKind.CONVNEXT_TIMM],
}


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path, help="checkpoint to convert")
    parser.add_argument("out", type=Path, help="checkpoint to write")
    parser.add_argument("--expect", choices=EXPECTED, help="refuse any other kind of checkpoint")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    logger = MMLogger.get_instance("mmluss")
    expected = EXPECTED[args.expect] if args.expect else []
    left_out = left_out_names(convert_checkpoint(args.checkpoint, args.out, imagenetseg_to_mmluss, expected))
    if left_out:
        logger.info(
            f"left out {len(left_out)} tensors that only pretraining or classification needs: {shorten(left_out)}"
        )


if __name__ == "__main__":
    main()
