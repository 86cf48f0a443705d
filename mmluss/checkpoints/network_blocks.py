# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Blocks of a network beside those in a file: what the file has more of, and what of the network it does not know."""

import re
from collections.abc import Collection, Mapping, Sequence

from torch import Tensor

# A number among names: that of a block or stage in its row.
_NUMBER = re.compile(r"\.(\d+)(?=\.)")


def further_blocks(weights: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> list[str]:
    """Blocks that weights have behind the last one of a row, which are of a deeper network: ``layer3.6`` for example.

    A network may be cut off: whole stages that it does not have are no further blocks, and neither are the later
    blocks of one that is a single row of them, as a vision transformer is.

    Args:
        weights: Weights under the names of the network.
        own: The network's tensors by name.
    """
    matrices = [name for name, value in own.items() if value.ndim > 1]
    last: dict[str, int] = {}
    for name in matrices:
        for number in _NUMBER.finditer(name):
            row = name[: number.start()]
            last[row] = max(last.get(row, 0), int(number[1]))
    fits: dict[tuple[str, str], list[bool]] = {}
    for name, value in weights.items():
        for number in _NUMBER.finditer(name) if value.ndim > 1 else ():
            row = name[: number.start()]
            if int(number[1]) > last.get(row, int(number[1])):
                twin = own.get(f"{row}.{last[row]}{name[number.end() :]}")
                fits.setdefault((row, number[1]), []).append(twin is not None and twin.shape == value.shape)
                break
    single = _single_row(own)
    # The first block of a stage has other inputs, a next stage other sizes altogether.
    return [f"{row}.{number}" for (row, number), fit in fits.items() if row != single and 2 * sum(fit) >= len(fit)]


def _single_row(own: Mapping[str, Tensor]) -> str | None:
    """The one row of blocks that a network is, stem and neck aside; None for a network of several."""
    rows: dict[str, dict[str, dict[str, tuple[int, ...]]]] = {}
    for name, value in own.items():
        number = _NUMBER.search(name) if value.ndim > 1 else None
        if number:
            block = rows.setdefault(name[: number.start()], {}).setdefault(number[1], {})
            block[name[number.end() :]] = tuple(value.shape)
    if len(rows) == 1:
        return next(iter(rows))
    # What comes before and after has layers in a row, too, but none of two alike.
    alike = [row for row, blocks in rows.items() if _are_alike([*blocks.values()][-2:])]
    return alike[0] if len(alike) == 1 else None


def _are_alike(blocks: Sequence[Mapping[str, tuple[int, ...]]]) -> bool:
    if len(blocks) < 2:
        return False
    before, last = blocks
    return 2 * sum(before.get(name) == shape for name, shape in last.items()) >= len(last)


def plugged_in(missing: Collection[str], weights: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> list[str]:
    """Those of a network's missing matrices that were put into its blocks, as offsets and attention are.

    Weights know no such part in any block, and whatever else they have in those blocks has its place.

    Args:
        missing: Names of the network's matrices that are not among the weights.
        weights: Weights under the names of the network.
        own: The network's tensors by name.
    """
    matrices = [name for name, value in weights.items() if value.ndim > 1]
    parts = {_without_numbers(name) for name in matrices}
    known = {_block(name) for name in matrices if name in own}
    changed = {_block(name) for name in matrices if name not in own}
    blocks = known - changed - {""}
    return [name for name in missing if _block(name) in blocks and _without_numbers(name) not in parts]


def _block(name: str) -> str:
    """The block or stage that a weight is in; empty for one outside of them."""
    number = _NUMBER.search(name)
    return name[: number.end()] if number else ""


def _without_numbers(name: str) -> str:
    return re.sub(r"\d+", "", name)
