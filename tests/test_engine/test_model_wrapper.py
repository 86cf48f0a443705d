# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import pytest
import torch
from mmengine.config import Config
from mmengine.model import is_model_wrapper
from mmengine.registry import MODEL_WRAPPERS
from torch import nn

from mmluss.apis.tools.mmseg_tools import find_config
from mmluss.engine import LUSSDataParallel
from mmluss.models.cpu_sync_batch_norm import CPUSyncBatchNorm
from tests.helpers.two_processes import run_in_two_processes


def wrapper_cfg() -> dict:
    return Config.fromfile(find_config("default_runtime")).model_wrapper_cfg


def test_mmengine_s_runner_finds_the_wrapper_of_all_configs():
    assert MODEL_WRAPPERS.get(wrapper_cfg().type) is LUSSDataParallel


def wrap(rank: int) -> None:
    torch.manual_seed(rank)
    model = nn.Sequential(nn.SyncBatchNorm(2), nn.Linear(2, 1))
    model[0].running_mean.fill_(float(rank))
    # As mmengine's runner builds it.
    wrapped = MODEL_WRAPPERS.build(wrapper_cfg(), default_args=dict(module=model, device_ids=[rank]))
    assert type(wrapped) is LUSSDataParallel and is_model_wrapper(wrapped)
    assert type(model[0]) is CPUSyncBatchNorm
    wrapped(torch.randn(4, 2)).sum().backward()
    gradients = [torch.empty_like(model[1].weight) for _ in range(2)]
    torch.distributed.all_gather(gradients, model[1].weight.grad)
    assert torch.equal(*gradients) and gradients[0].any()
    # Buffers are not replaced before each forward unless that is wanted.
    assert not wrapped.broadcast_buffers
    assert LUSSDataParallel(nn.Linear(1, 1), [0], broadcast_buffers=True).broadcast_buffers


@pytest.mark.slow
def test_models_on_cpus_share_gradients():
    run_in_two_processes(wrap)
