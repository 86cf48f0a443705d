# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import pytest
import torch
from mmengine.optim import AmpOptimWrapper
from mmseg.registry import OPTIM_WRAPPERS

from mmluss.engine.optimizers import mixed_precision
from mmluss.engine.optimizers.mixed_precision import CPUAmpOptimWrapper, computes_in_bfloat16


@pytest.fixture
def cpu(monkeypatch):
    """Pretends that there is a CPU with these capabilities, and nothing else."""

    def pretend(**capabilities):
        monkeypatch.setattr(mixed_precision, "get_device", lambda: "cpu")
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)

    return pretend


def build(model, **settings):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return OPTIM_WRAPPERS.build(dict(type="AmpOptimWrapper", loss_scale="dynamic", optimizer=optimizer, **settings))


@pytest.mark.parametrize(
    ("capabilities", "known"),
    [
        (dict(avx2=True, avx512_bf16=True), True),
        (dict(amx_bf16=True), True),
        (dict(avx512_f=True, avx512_bf16=False), False),
        ({}, False),
    ],
)
def test_instructions_are_detected(cpu, capabilities, known):
    cpu(**capabilities)
    assert computes_in_bfloat16() is known


def test_torch_that_knows_nothing_of_the_cpu(monkeypatch):
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert not computes_in_bfloat16()


def test_cpu_trains_in_bfloat16_and_keeps_its_weights_in_single_precision(cpu):
    cpu(avx512_bf16=True)
    torch.manual_seed(0)
    model = torch.nn.Linear(64, 8)
    wrapper = build(model, accumulative_counts=1)
    assert isinstance(wrapper, CPUAmpOptimWrapper)
    inputs, before = torch.randn(4, 64), model.weight.detach().clone()
    with wrapper.optim_context(model):
        outputs = model(inputs)
    assert outputs.dtype == torch.bfloat16
    assert torch.allclose(outputs.float(), model(inputs), atol=0.05)
    wrapper.update_params(outputs.float().square().mean())
    assert model.weight.dtype == torch.float32 and not torch.equal(model.weight, before)
    assert model(inputs).dtype == torch.float32


def test_cpu_without_instructions_is_refused(cpu):
    cpu(avx512_bf16=False)
    with pytest.raises(ValueError, match=r"AVX512-BF16.*Leave out --amp"):
        build(torch.nn.Linear(2, 2))


def test_cpu_knows_no_other_type(cpu):
    cpu(avx512_bf16=True)
    with pytest.raises(ValueError, match="in bfloat16, not float16"):
        build(torch.nn.Linear(2, 2), dtype="float16")


def test_accelerators_get_the_wrapper_of_mmengine(monkeypatch):
    asked = {}
    monkeypatch.setattr(mixed_precision, "get_device", lambda: "cuda")
    monkeypatch.setattr(AmpOptimWrapper, "__init__", lambda self, **settings: asked.update(settings))
    assert isinstance(build(torch.nn.Linear(2, 2), dtype="float16"), AmpOptimWrapper)
    assert (asked["loss_scale"], asked["dtype"]) == ("dynamic", "float16")
