# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Two processes with shares of a batch normalize as one process with all of it."""

import pytest
import torch
from timm.layers import BatchNormAct2d, convert_sync_batchnorm
from torch import nn

from mmluss.models.cpu_sync_batch_norm import CPUSyncBatchNorm, synchronize_on_cpu
from tests.helpers.two_processes import PROCESSES, run_in_two_processes

# The second process has fewer rows.
SHARES = (slice(0, 5), slice(5, 8))
LAYERS = {
    "images": lambda: nn.BatchNorm2d(3),
    "vectors": lambda: nn.BatchNorm1d(3),
    "plain": lambda: nn.BatchNorm1d(3, affine=False),
    "cumulative": lambda: nn.BatchNorm2d(3, momentum=None),
    "untracked": lambda: nn.BatchNorm1d(3, track_running_stats=False),
    "eps": lambda: nn.BatchNorm1d(3, eps=0.5, momentum=0.7),
    "activated": lambda: BatchNormAct2d(3, act_layer=nn.ReLU6),
}


def build(kind: str, synchronized: bool) -> nn.Module:
    layer = LAYERS[kind]()
    if layer.affine:
        with torch.no_grad():
            layer.weight.copy_(torch.tensor([1.0, 2.0, 0.5]))
            layer.bias.copy_(torch.tensor([0.1, 0.2, 0.3]))
    convert = convert_sync_batchnorm if kind == "activated" else nn.SyncBatchNorm.convert_sync_batchnorm
    return synchronize_on_cpu(convert(layer)) if synchronized else layer


def batches(kind: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Two batches (far from zero, where sums of squares lose digits) and the gradient that comes back."""
    generator = torch.Generator().manual_seed(0)
    shape = (2, 8, 3, 4, 5) if kind in ("images", "cumulative", "activated") else (2, 8, 3)
    return torch.randn(shape, generator=generator) * 3 + 500, torch.randn(shape[1:], generator=generator)


def compute(layer: nn.Module, kind: str, share: slice) -> dict[str, torch.Tensor]:
    inputs, gradient = batches(kind)
    layer.train()
    layer(inputs[0, share])
    last = inputs[1, share].clone().requires_grad_()
    output = layer(last)
    output.backward(gradient[share])
    results = dict(output=output.detach(), input_gradient=last.grad, evaluated=layer.eval()(inputs[0, share]).detach())
    results |= {f"gradient of {name}": parameter.grad for name, parameter in layer.named_parameters()}
    return results | {f"buffer {name}": buffer.clone() for name, buffer in layer.named_buffers()}


def compare_half_precision(rank: int) -> None:
    """Statistics of bfloat16 are as exact as torch's, whose type the result has."""
    inputs = batches("images")[0][0].bfloat16()
    layer, plain = build("images", synchronized=True), build("images", synchronized=False)
    found, expected = layer(inputs[SHARES[rank]]), plain(inputs)[SHARES[rank]]
    assert found.dtype == expected.dtype == torch.bfloat16
    torch.testing.assert_close(layer.running_mean, plain.running_mean, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(layer.running_var, plain.running_var, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(found, expected, rtol=1e-2, atol=1e-2)


def compare(rank: int) -> None:
    compare_half_precision(rank)
    for kind in LAYERS:
        layer = build(kind, synchronized=True)
        assert isinstance(layer, CPUSyncBatchNorm)
        found = compute(layer, kind, SHARES[rank])
        expected = compute(build(kind, synchronized=False), kind, slice(None))
        assert found.keys() == expected.keys()
        for name, value in found.items():
            if kind == "untracked" and name == "evaluated":
                continue
            wanted = expected[name]
            if name.startswith("gradient"):
                # Each process has its share of the sum.
                value = value.clone()
                torch.distributed.all_reduce(value)
            elif not name.startswith("buffer"):
                wanted = wanted[SHARES[rank]]
            torch.testing.assert_close(value, wanted, rtol=1e-4, atol=1e-4, msg=f"{kind}: {name}")


@pytest.mark.slow
def test_two_processes_equal_one():
    assert len(SHARES) == PROCESSES
    run_in_two_processes(compare)


@pytest.mark.parametrize("kind", LAYERS)
def test_one_process_is_plain_batch_normalization(kind):
    found, expected = (compute(build(kind, synchronized), kind, slice(None)) for synchronized in (True, False))
    assert found.keys() == expected.keys()
    for name in found:
        assert torch.equal(found[name], expected[name]), name


def test_only_synchronized_layers_are_changed_and_keep_their_state():
    model = nn.Sequential(nn.SyncBatchNorm(2), nn.BatchNorm1d(2))
    state = model.state_dict()
    assert synchronize_on_cpu(model) is model
    assert [type(layer) for layer in model] == [CPUSyncBatchNorm, nn.BatchNorm1d]
    assert model.state_dict().keys() == state.keys()
