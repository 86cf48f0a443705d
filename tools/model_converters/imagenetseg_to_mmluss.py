# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Convert a published semi-supervised checkpoint (ResNet, ViT, ConvNeXt) or a pretrained ViT (MAE, SERE) to ours.

The kind of checkpoint is told from its weights; the config that fits them is printed. ResNets of output stride 32 and
16 have the same weights. Without a segmentation head only the backbone is written, for
    init_cfg=dict(type="Pretrained", checkpoint=OUT, prefix="backbone.")
"""

import argparse
from pathlib import Path

from mmengine.logging import MMLogger

from mmluss.checkpoints.files import read_checkpoint, write_checkpoint
from mmluss.checkpoints.fitting_models import build_fitting_model, fitting_model_config
from mmluss.checkpoints.imagenetseg_checkpoints import imagenetseg_to_mmluss, left_out_names
from mmluss.checkpoints.kinds import (
    CheckpointKind,
    check_state_dict,
    checkpoint_weights,
    detect_checkpoint_kind,
    shorten,
)

EXPECTED = {"resnet": CheckpointKind.SEMI_RESNET, "vit": CheckpointKind.VIT, "convnext": CheckpointKind.CONVNEXT}


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path, help="checkpoint to convert")
    parser.add_argument("out", type=Path, help="checkpoint to write")
    parser.add_argument("--expect", choices=EXPECTED, help="refuse any other kind of checkpoint")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    logger = MMLogger.get_instance("mmluss")
    checkpoint = read_checkpoint(args.checkpoint)
    try:
        weights = checkpoint_weights(checkpoint)
        kind = detect_checkpoint_kind(weights)
        if args.expect and kind is not EXPECTED[args.expect]:
            raise ValueError(f"is a {kind.value}; a {EXPECTED[args.expect].value} is expected")
        converted = imagenetseg_to_mmluss(weights)
        config, model = fitting_model_config(converted), build_fitting_model(converted)
    except ValueError as error:
        raise ValueError(f"{args.checkpoint}: {error}") from error
    check_state_dict(converted, model, str(args.checkpoint))
    write_checkpoint(
        {"meta": dict(converted_from=kind.value, source=args.checkpoint.name), "state_dict": converted}, args.out
    )
    logger.info(f"wrote {len(converted)} tensors of {args.checkpoint}, a {kind.value}, to {args.out}")
    left_out = left_out_names(weights)
    if left_out:
        logger.info(
            f"left out {len(left_out)} tensors that only pretraining or classification needs: {shorten(left_out)}"
        )
    logger.info(f"they fit model = {config}")


if __name__ == "__main__":
    main()
