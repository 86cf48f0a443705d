# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Two processes with half of a batch each compute what one process computes with all of it."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from mmengine.model.utils import convert_sync_batchnorm
from torch.nn.parallel import DistributedDataParallel

from mmluss.models import EmbeddingQueue, PASSPretrainer
from mmluss.models.cpu_sync_batch_norm import synchronize_on_cpu
from mmluss.models.pretraining.sinkhorn import sinkhorn
from tests.helpers.two_processes import PROCESSES, run_in_two_processes

BATCH, STEPS = 8, 4


def example() -> dict:
    """The same numbers in every process."""
    generator = torch.Generator().manual_seed(0)
    unit = F.normalize(torch.randn(STEPS, 2, BATCH, 6, generator=generator), dim=-1)
    return dict(
        scores=torch.rand(BATCH, 5, generator=generator) * 2 - 1,
        embeddings=unit,
        crops=[torch.randn(BATCH, 3, 32, 32, generator=generator) for _ in range(3)],
        grid=torch.rand(BATCH, 2, 7, 7, 2, generator=generator) * 2 - 1,
    )


def share(rows: torch.Tensor, rank: int, processes: int) -> torch.Tensor:
    return rows.chunk(processes)[rank]


def build_pretrainer() -> PASSPretrainer:
    """In evaluation mode, since batch norm across processes needs CUDA."""
    torch.manual_seed(0)
    backbone = dict(type="ResNet", depth=18, base_channels=8, stem_channels=8, norm_cfg=dict(type="BN"))
    model = PASSPretrainer(
        backbone=dict(backbone, zero_init_residual=False),
        hidden_channels=12,
        embedding_dim=6,
        num_prototypes=10,
        queue=dict(length=BATCH * 2),
    )
    model.queue.active = True
    return model.eval()


def compute(rank: int, processes: int) -> dict:
    """Everything that is compared, for one process's share of the example."""
    data, results = example(), {}
    results["sinkhorn"] = sinkhorn(share(data["scores"], rank, processes))

    queue = EmbeddingQueue(length=BATCH * 3 + 1, embedding_dim=6)
    queue.active = True
    for step in data["embeddings"]:
        queue.push([share(embeddings, rank, processes) for embeddings in step])
    results["queue"] = queue.embeddings
    results["queue_rows"] = torch.stack([queue.rows(crop, BATCH // processes) for crop in range(2)])

    model = build_pretrainer()
    run = DistributedDataParallel(model) if processes > 1 else model
    crops = [share(crop, rank, processes) for crop in data["crops"]]
    inputs = dict(crops=crops, grid=share(data["grid"], rank, processes))
    for _ in range(3):
        model.zero_grad()
        losses = run(inputs, mode="loss")
        losses["loss"].backward()
    results["losses"] = {name: value.detach() for name, value in losses.items()}
    results["gradients"] = {name: parameter.grad for name, parameter in model.named_parameters()}
    results["pretrainer_queue"] = model.queue.embeddings
    return results


def compute_training(rank: int, processes: int) -> dict:
    """Losses, gradients and statistics of iterations in training mode, whose batches are normalized together.

    In double precision: what is left of rounding grows from iteration to iteration.
    """
    data = example()
    with pytest.MonkeyPatch.context() as patch:
        # Losses are computed in single precision, whatever the network computes in.
        patch.setattr(torch.Tensor, "float", torch.Tensor.double)
        model = build_pretrainer().train().double()
        if processes > 1:
            model = synchronize_on_cpu(convert_sync_batchnorm(model, "torch"))
        run = DistributedDataParallel(model) if processes > 1 else model
        inputs = dict(
            crops=[share(crop, rank, processes).double() for crop in data["crops"]],
            grid=share(data["grid"], rank, processes).double(),
        )
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        losses = []
        for _ in range(STEPS):
            optimizer.zero_grad()
            loss = run(inputs, mode="loss")["loss"]
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
    return dict(
        losses=torch.stack(losses),
        gradients={name: parameter.grad for name, parameter in model.named_parameters()},
        statistics={name: value for name, value in model.named_buffers() if "running" in name},
    )


def work(rank: int, folder: str) -> None:
    results = dict(compute(rank, PROCESSES), training=compute_training(rank, PROCESSES))
    torch.save(results, Path(folder) / f"{rank}.pth")


@pytest.fixture(scope="module")
def together(tmp_path_factory) -> list[dict]:
    folder = tmp_path_factory.mktemp("two_processes")
    run_in_two_processes(work, str(folder))
    return [torch.load(folder / f"{rank}.pth", weights_only=True) for rank in range(PROCESSES)]


@pytest.fixture(scope="module")
def alone() -> dict:
    return compute(0, 1)


def test_sinkhorn(together, alone):
    torch.testing.assert_close(torch.cat([result["sinkhorn"] for result in together]), alone["sinkhorn"])


def test_queue_is_the_same_everywhere_and_shared_out(together, alone):
    for result in together:
        assert torch.equal(result["queue"], alone["queue"])
    rows = torch.cat([result["queue_rows"] for result in together], dim=1)
    assert torch.equal(rows, alone["queue_rows"])


def test_losses(together, alone):
    for name in ("loss", "i2i", "d2s_stage3", "p2p", "assignment_entropy"):
        mean = torch.stack([result["losses"][name] for result in together]).mean()
        torch.testing.assert_close(mean, alone["losses"][name], rtol=1e-4, atol=1e-5, msg=name)
    assert all(torch.equal(result["pretrainer_queue"], together[0]["pretrainer_queue"]) for result in together)
    torch.testing.assert_close(together[0]["pretrainer_queue"], alone["pretrainer_queue"])


def test_gradients(together, alone):
    for name, expected in alone["gradients"].items():
        for result in together:
            torch.testing.assert_close(
                result["gradients"][name], expected, rtol=1e-3, atol=1e-5 * float(expected.norm()) + 1e-8, msg=name
            )


def test_iterations_of_training(together):
    alone = compute_training(0, 1)
    both = [result["training"] for result in together]
    assert len(set(alone["losses"].tolist())) == STEPS
    torch.testing.assert_close((both[0]["losses"] + both[1]["losses"]) / 2, alone["losses"], rtol=1e-9, atol=0)
    assert len(alone["gradients"]) > 60
    for kind in ("gradients", "statistics"):
        for name, expected in alone[kind].items():
            for found in both:
                scale = float(expected.abs().max())
                torch.testing.assert_close(found[kind][name], expected, rtol=0, atol=1e-8 * scale + 1e-12, msg=name)
