# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Convert a published PASS checkpoint (pretraining, pixel attention, fine-tuned) to ours, or ours back with --reverse.

The kind of checkpoint is told from its weights; the config that fits them is printed. Published checkpoints also load
directly, wherever a config or tool takes a checkpoint; converting checks them first.
"""

import argparse
from pathlib import Path

from mmengine.logging import MMLogger
from torch import Tensor

from mmluss.checkpoints.conversion import convert_checkpoint
from mmluss.checkpoints.files import read_centroids, write_centroids
from mmluss.checkpoints.kinds import CheckpointKind, detect_checkpoint_kind
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
    MMLogger.get_instance("mmluss")
    centroids = read_centroids(args.centroids) if args.centroids and not args.reverse else None

    def convert(weights: dict[str, Tensor]) -> dict[str, Tensor]:
        if not args.reverse:
            return pass_to_mmluss(weights, centroids, args.threshold)
        if args.centroids and not len(weights.get("decode_head.centroids", ())):
            kind = detect_checkpoint_kind(weights)
            raise ValueError(f"holds no centroids: it is a {kind.value} from before clustering.")
        return mmluss_to_pass(weights)

    expected = [EXPECTED[args.expect][args.reverse]] if args.expect else []
    weights = convert_checkpoint(args.checkpoint, args.out, convert, expected, args.reverse)
    if args.reverse and args.centroids:
        write_centroids(weights["decode_head.centroids"], args.centroids)


if __name__ == "__main__":
    main()
