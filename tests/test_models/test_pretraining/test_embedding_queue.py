# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import re

import pytest
import torch
from mmengine.runner.checkpoint import load_state_dict

from mmluss.models import EmbeddingQueue


def batch(value: float, size: int = 2, dim: int = 3) -> list[torch.Tensor]:
    """Embeddings of two crops: ``value`` for crop 0, ``-value`` for crop 1."""
    return [torch.full((size, dim), value), torch.full((size, dim), -value)]


@pytest.fixture
def queue() -> EmbeddingQueue:
    queue = EmbeddingQueue(length=5, embedding_dim=3)
    queue.active = True
    return queue


def test_inactive_queue_holds_nothing():
    queue = EmbeddingQueue(length=4, embedding_dim=3)
    queue.push(batch(1.0))
    assert not queue.embeddings.any()
    assert queue.rows(0, 2) is None


def test_the_buffer_keeps_its_size(queue):
    assert dict(queue.named_buffers())["embeddings"].shape == (2, 5, 3)
    storage = queue.embeddings.data_ptr()
    for value in (1.0, 2.0, 3.0):
        queue.push(batch(value))
    assert queue.embeddings.shape == (2, 5, 3) and queue.embeddings.data_ptr() == storage


def test_newest_rows_of_whole_batches_come_first(queue):
    for value in (1.0, 2.0, 3.0):
        queue.push(batch(value))
    assert queue.rows(0, 2)[:, 0].tolist() == [3, 3, 2, 2]
    assert queue.rows(1, 2)[:, 0].tolist() == [-3, -3, -2, -2]


def test_takes_part_only_once_full(queue):
    queue.push(batch(1.0))
    assert queue.rows(0, 2) is None
    queue.push(batch(2.0))
    assert queue.rows(0, 2).shape == (4, 3)
    assert queue.rows(0) is None
    queue.active = False
    assert queue.rows(0, 2) is None


def test_rows_get_no_gradient(queue):
    queue.push([embedding.requires_grad_() for embedding in batch(1.0)])
    assert not queue.embeddings.requires_grad


@pytest.mark.parametrize("load", [torch.nn.Module.load_state_dict, load_state_dict], ids=["torch", "mmengine"])
def test_state_dict_round_trip_into_a_fresh_queue(queue, load):
    queue.push(batch(1.0))
    queue.push(batch(2.0))
    fresh = EmbeddingQueue(length=5, embedding_dim=3)
    load(fresh, queue.state_dict())
    fresh.active = True
    assert torch.equal(fresh.embeddings, queue.embeddings)
    assert fresh.rows(0, 2)[:, 0].tolist() == [2, 2, 1, 1]
    fresh.push(batch(3.0))
    assert fresh.rows(0, 2)[:, 0].tolist() == [3, 3, 2, 2]


@pytest.mark.parametrize("load", [torch.nn.Module.load_state_dict, load_state_dict], ids=["torch", "mmengine"])
@pytest.mark.parametrize(("rows", "filled"), [(0, False), (4, True), (7, True)])
def test_lists_of_another_length_load_in_place(queue, load, rows, filled):
    """Checkpoints of 0.1 hold a multiple of the batch, and nothing before the first push."""
    queue.push(batch(9.0))
    queue.push(batch(9.0))
    assert queue.rows(0, 2) is not None
    storage, stored = queue.embeddings.data_ptr(), torch.arange(1.0, 2 * rows * 3 + 1).view(2, rows, 3)
    load(queue, dict(embeddings=stored))
    kept = min(rows, 5)
    assert torch.equal(queue.embeddings[:, :kept], stored[:, :kept]) and not queue.embeddings[:, kept:].any()
    assert queue.embeddings.data_ptr() == storage
    assert (queue.rows(0, 2) is not None) is filled


@pytest.mark.parametrize("shape", [(2, 5, 4), (1, 5, 3), (5, 3)])
def test_embeddings_of_another_kind_are_refused(queue, shape):
    with pytest.raises(RuntimeError, match="size mismatch for embeddings"):
        queue.load_state_dict(dict(embeddings=torch.zeros(shape)))


def test_checkpoint_without_a_queue_leaves_it_empty(queue):
    parent = torch.nn.ModuleDict(dict(queue=queue))
    assert parent.load_state_dict({}).missing_keys == []
    assert not queue.embeddings.any()


def test_a_run_goes_on_with_another_batch_size(queue):
    for value in (1.0, 2.0):
        queue.push(batch(value))
    assert queue.rows(0, 3)[:, 0].tolist() == [2, 2, 1]
    queue.push(batch(3.0, size=3))
    assert queue.rows(0, 3)[:, 0].tolist() == [3, 3, 3]
    assert queue.rows(0, 1)[:, 0].tolist() == [3, 3, 3, 2, 2]


def test_batch_longer_than_the_queue_is_refused(queue):
    message = "The queue of 5 rows is shorter than the global batch of 6: set model.queue.length"
    with pytest.raises(ValueError, match=re.escape(message)):
        queue.push(batch(1.0, size=6))
