# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Convert a published PASS checkpoint (pretraining, pixel attention, fine-tuned) to ours, or ours back with --reverse.

The kind of checkpoint is told from its weights; the config that fits them is printed. Published checkpoints also load
directly, wherever a config or tool takes a checkpoint; converting checks them first.
"""

import argparse
from pathlib import Path

from mmengine.logging import MMLogger

from mmluss.checkpoints.files import read_centroids, read_checkpoint, write_centroids, write_checkpoint
from mmluss.checkpoints.fitting_models import build_fitting_model, fitting_model_config
from mmluss.checkpoints.kinds import CheckpointKind, check_state_dict, checkpoint_weights
from mmluss.checkpoints.kinds import detect_checkpoint_kind as detect
from mmluss.checkpoints.pass_checkpoints import mmluss_to_pass, pass_to_mmluss

EXPECTED = {
    "pretrain": (CheckpointKind.PASS_PRETRAIN, CheckpointKind.PRETRAINER),
    "pixel-attention": (CheckpointKind.PASS_PIXEL_ATTENTION, CheckpointKind.PIXEL_ATTENTION_SEGMENTOR),
    "finetune": (CheckpointKind.PASS_FINETUNE, CheckpointKind.SEGMENTOR),
}


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path, help="checkpoint to convert")
    parser.add_argument("out", type=Path, help="checkpoint to write")
    parser.add_argument("--expect", choices=EXPECTED, help="refuse any other kind of checkpoint")
    parser.add_argument("--reverse", action="store_true", help="convert ours to the published format")
    parser.add_argument(
        "--centroids", type=Path, help="centroids (.npy, or a checkpoint with them): read, or written with --reverse"
    )
    parser.add_argument("--threshold", type=float, help="foreground threshold that goes with the centroids")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    logger = MMLogger.get_instance("mmluss")
    checkpoint = read_checkpoint(args.checkpoint)
    try:
        weights = checkpoint_weights(checkpoint)
        kind = detect(weights)
        if args.expect and kind not in EXPECTED[args.expect]:
            raise ValueError(f"is a {kind.value}; a {EXPECTED[args.expect][args.reverse].value} is expected")
        if args.reverse:
            ours, converted = weights, mmluss_to_pass(weights)
        else:
            centroids = read_centroids(args.centroids) if args.centroids else None
            ours = converted = pass_to_mmluss(weights, centroids, args.threshold)
        config, model = fitting_model_config(ours), build_fitting_model(ours)
    except ValueError as error:
        raise ValueError(f"{args.checkpoint}: {error}") from error
    check_state_dict(ours, model, str(args.checkpoint))
    if args.reverse:
        centroids = weights.get("decode_head.centroids")
        if args.centroids and (centroids is None or not len(centroids)):
            raise ValueError(f"{args.checkpoint} holds no centroids: it is a {kind.value} from before clustering.")
        write_checkpoint({"state_dict": {f"module.{name}": value for name, value in converted.items()}}, args.out)
        if args.centroids:
            write_centroids(centroids, args.centroids)
    else:
        meta = dict(converted_from=kind.value, source=args.checkpoint.name)
        write_checkpoint({"meta": meta, "state_dict": converted}, args.out)
    logger.info(f"wrote {len(converted)} tensors of {args.checkpoint}, a {kind.value}, to {args.out}")
    logger.info(f"they fit model = {config}")


if __name__ == "__main__":
    main()
