# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""What every converter does: read a checkpoint, recognize it, convert it, check that it fits a model, write it."""

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from mmengine.logging import MMLogger
from torch import Tensor

from mmluss.checkpoints.files import read_checkpoint, write_checkpoint
from mmluss.checkpoints.fitting_models import build_fitting_model, fitting_model_config
from mmluss.checkpoints.kinds import CheckpointKind, check_state_dict, checkpoint_weights, detect_checkpoint_kind

Weights = dict[str, Tensor]


def convert_checkpoint(
    source: Path,
    out: Path,
    convert: Callable[[Weights], Weights],
    expected: Collection[CheckpointKind] = (),
    reverse: bool = False,
    meta: dict[str, Any] | None = None,
) -> Weights:
    """Convert a file; nothing is written unless the weights fit the model that they make.

    Args:
        source: Checkpoint to convert.
        out: Checkpoint to write.
        convert: From the weights in the file to those to write.
        expected: Kinds of checkpoint to take; empty for any.
        reverse: Whether the weights read are ours and those written are published ones; else it is the other way round.
        meta: Meta information for the file, in place of where the weights come from.

    Returns:
        The weights in the file.

    Raises:
        ValueError: If the file is of another kind, or its weights do not fit; the message names it.
    """
    checkpoint = read_checkpoint(source)
    try:
        weights = checkpoint_weights(checkpoint)
        kind = detect_checkpoint_kind(weights)
        if expected and kind not in expected:
            wanted = " or a ".join(one.value for one in expected)
            raise ValueError(f"is a {kind.value}; a {wanted} is expected")
        converted = convert(weights)
        ours = weights if reverse else converted
        config, model = fitting_model_config(ours), build_fitting_model(ours)
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from error
    except (KeyError, IndexError, TypeError, AssertionError, RuntimeError) as error:
        raise ValueError(
            f"{source}: weights are missing or of another shape ({type(error).__name__}: {error})"
        ) from error
    check_state_dict(ours, model, str(source))
    if reverse:
        write_checkpoint({"state_dict": {f"module.{name}": value for name, value in converted.items()}}, out)
    else:
        meta = meta or dict(converted_from=kind.value, source=source.name)
        write_checkpoint(dict(meta=meta, state_dict=converted), out)
    logger = MMLogger.get_current_instance()
    logger.info(f"wrote {len(converted)} tensors of {source}, a {kind.value}, to {out}")
    logger.info(f"they fit model = {config}")
    return weights
