# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import pytest
import torch

from mmluss.checkpoints.network_blocks import further_blocks, plugged_in


def matrices(*names: str, width: int = 4) -> dict[str, torch.Tensor]:
    return {name: torch.zeros(width, 4) for name in names}


TWO_STAGES = matrices("stem.weight", "layer1.0.a.weight", "layer1.1.a.weight", "layer2.0.a.weight", "layer2.1.a.weight")
ROW = matrices("stem.weight", "layers.0.mlp.0.weight", "layers.0.mlp.2.weight", "layers.1.mlp.0.weight")


@pytest.mark.parametrize(
    ("own", "more", "expected"),
    [
        (TWO_STAGES, {}, []),
        (TWO_STAGES, matrices("layer1.2.a.weight", "layer1.3.a.weight"), ["layer1.2", "layer1.3"]),
        (TWO_STAGES, matrices("layer2.2.a.weight"), ["layer2.2"]),
        (TWO_STAGES, matrices("layer3.0.a.weight", "layer3.1.a.weight"), []),
        (TWO_STAGES, matrices("head.0.weight", "ema.layer1.2.a.weight", "layer1.1.new.0.weight"), []),
        (TWO_STAGES, {"layer1.2.a.bias": torch.zeros(4)}, []),
        (TWO_STAGES, matrices("layer1.2.a.weight", width=8), []),
        (ROW, matrices("layers.2.mlp.0.weight", "layers.3.mlp.0.weight"), []),
        (ROW, matrices("layers.0.mlp.4.weight"), ["layers.0.mlp.4"]),
    ],
    ids=["same", "middle", "end", "stage", "others", "bias", "stage_in_a_row", "longer_row", "longer_layers"],
)
def test_further_blocks(own, more, expected):
    assert further_blocks(own | more, own) == expected


def test_further_blocks_after_a_first_one_of_other_inputs():
    own = {"layer1.0.a.weight": torch.zeros(4, 2), "layer1.0.b.weight": torch.zeros(4, 4)} | matrices(
        "layer2.0.a.weight"
    )
    assert further_blocks(own | matrices("layer1.1.a.weight", "layer1.1.b.weight"), own) == ["layer1.1"]


OFFSETS = ["layer1.0.a.offset.weight", "layer1.1.a.offset.weight"]


@pytest.mark.parametrize(
    ("missing", "changed", "expected"),
    [
        (OFFSETS, {}, OFFSETS),
        (["layer1.1.a.weight"], {}, []),
        (["layer1.1.a3.weight"], {}, []),
        (["stem2.weight"], {}, []),
        (["layer3.0.attention.weight"], {}, []),
        (OFFSETS, matrices("layer1.0.b.weight"), OFFSETS[1:]),
        (OFFSETS, matrices("layer2.0.a.offset.weight"), []),
    ],
    ids=["offsets", "lost", "of_another_block", "outside", "without_a_block", "in_place_of_others", "known_elsewhere"],
)
def test_plugged_in(missing, changed, expected):
    own = TWO_STAGES | matrices(*missing)
    found = {name: value for name, value in (TWO_STAGES | changed).items() if name not in missing}
    assert plugged_in(missing, found, own) == expected


@pytest.mark.parametrize("extra", [{}, {"neck.0.weight": (4, 4, 1, 1), "neck.2.weight": (4, 4, 3, 3)}])
def test_a_row_of_blocks_may_have_a_stem_and_a_neck(extra):
    own = {"stem.0.weight": torch.zeros(2, 3), "stem.1.weight": torch.zeros(4, 2)}
    own |= {name: torch.zeros(shape) for name, shape in extra.items()}
    own |= matrices("layers.0.mlp.0.weight", "layers.0.mlp.2.weight", "layers.1.mlp.0.weight", "layers.1.mlp.2.weight")
    assert further_blocks(own | matrices("layers.2.mlp.0.weight", "layers.2.mlp.2.weight"), own) == []
