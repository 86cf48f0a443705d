# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""The weights of one network inside of a file that other training code wrote, whatever it calls them.

Self-supervised learners store their encoder under names of their own: ``encoder_q.`` (MoCo v2), ``base_encoder.``
(MoCo v3), ``backbone.`` (DINO, solo-learn, mmpretrain), numbered layers (lightly), and beside it momentum encoders,
projectors and queues.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from torch import Tensor

from mmluss.checkpoints.imagenetseg_checkpoints import IMAGENETSEG_KINDS, imagenetseg_to_mmluss
from mmluss.checkpoints.kinds import detect_checkpoint_kind
from mmluss.checkpoints.pass_checkpoints import PASS_KINDS, pass_to_mmluss

Weights = dict[str, Tensor]

# What the first layers of networks that are converted by name are called.
_FIRST_LAYERS = ("patch_embed.proj.weight", "downsample_layers.0.0.weight", "stem.0.weight", "conv1.weight")
_PROBES = 3
# lightly keeps a torchvision ResNet as the list of its children; 2, 3 and 8 have no weights.
_NUMBERED_RESNET = {"0": "conv1", "1": "bn1", "4": "layer1", "5": "layer2", "6": "layer3", "7": "layer4"}
_NUMBERED_MARKS = ("0.weight", "1.running_mean", "4.0.conv1.weight")
# Copies that follow the trained encoder.
_FOLLOWERS = re.compile(r"(^|[._])(momentum|ema|target|k)([._]|$)")
_WRAPPERS = ("backbone.", "timm_model.", "backbone.timm_model.")


@dataclass(frozen=True)
class FoundWeights:
    """A part of a file, under the names of a network.

    Args:
        weights: Tensors by name.
        prefix: What the file has in front of them.
        filled: How many of the network's own tensors have a namesake among them.
    """

    weights: Weights
    prefix: str
    filled: int


def find_weights(stored: Mapping[str, Tensor], own: Mapping[str, Tensor], prefix: str = "") -> FoundWeights:
    """The part of a file that fills most of a network; of equal ones the encoder that was trained, not a follower.

    Args:
        stored: Weights in the file, see ``checkpoint_weights``.
        own: The network's tensors by name.
        prefix: Only what the file, as it is or converted, has under this prefix.

    Returns:
        The part; without any tensor if nothing has a name of the network.
    """
    sources = [_under(names, prefix) for names in (dict(stored), *_converted(stored))] if prefix else [dict(stored)]
    best = FoundWeights({}, prefix, 0)
    for source in sources:
        for inner in _prefixes(source, own):
            for weights in _versions(_under(source, inner), own):
                filled = sum(name in weights for name in own)
                if filled > best.filled:
                    best = FoundWeights(weights, prefix + inner, filled)
    return best


def _versions(part: Weights, own: Mapping[str, Tensor]) -> Iterator[Weights]:
    """A part as it is, under our names, and as what a model wraps."""
    wrappers = [wrapper for wrapper in _WRAPPERS if any(name.startswith(wrapper) for name in own)]
    # Converted ones first: they bring heads along, where a wrapped part has the encoder alone.
    versions = [*_converted(part), part]
    encoders = [_under(weights, "backbone.") or weights for weights in versions]
    yield from versions
    yield from encoders
    for wrapper in wrappers:
        yield from ({f"{wrapper}{name}": value for name, value in weights.items()} for weights in encoders)


def _converted(part: Mapping[str, Tensor]) -> Iterator[Weights]:
    """A part under the names of mmseg and mmpretrain, if it is of a network that has others elsewhere."""
    if all(mark in part for mark in _NUMBERED_MARKS):
        numbered = {name: name.partition(".") for name in part}
        yield {
            f"{_NUMBERED_RESNET[number]}.{rest}": part[name]
            for name, (number, _, rest) in numbered.items()
            if number in _NUMBERED_RESNET
        }
    kind = detect_checkpoint_kind(part)
    if kind in PASS_KINDS:
        yield pass_to_mmluss(part)
    elif kind in IMAGENETSEG_KINDS:
        yield imagenetseg_to_mmluss(part)


def _prefixes(stored: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> list[str]:
    """What may stand in front of a network's names, followers last."""
    matrices = [name for name, value in own.items() if value.ndim > 1][:_PROBES]
    bare = [name.removeprefix(wrapper) for name in matrices for wrapper in _WRAPPERS]
    probes = (*matrices, *bare, *_FIRST_LAYERS, _NUMBERED_MARKS[-1])
    found = {"": None} | {
        name.removesuffix(probe): None for name in stored for probe in probes if name.endswith(f".{probe}")
    }
    return sorted(found, key=lambda prefix: _FOLLOWERS.search(prefix) is not None)


def _under(weights: Mapping[str, Tensor], prefix: str) -> Weights:
    return {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}
