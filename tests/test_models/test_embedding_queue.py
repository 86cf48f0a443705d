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
    assert queue.embeddings.shape == (2, 0, 3)
    assert queue.rows(0) is None


def test_length_is_a_multiple_of_the_batch_and_allocated_when_needed(queue):
    assert queue.embeddings.shape == (2, 0, 3)
    queue.push(batch(1.0))
    assert queue.embeddings.shape == (2, 4, 3)


def test_newest_rows_come_first(queue):
    for value in (1.0, 2.0, 3.0):
        queue.push(batch(value))
    assert queue.rows(0)[:, 0].tolist() == [3, 3, 2, 2]
    assert queue.rows(1)[:, 0].tolist() == [-3, -3, -2, -2]


def test_takes_part_only_once_full(queue):
    queue.push(batch(1.0))
    assert queue.rows(0) is None
    queue.push(batch(2.0))
    assert queue.rows(0).shape == (4, 3)
    queue.active = False
    assert queue.rows(0) is None


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
    fresh.push(batch(3.0))
    assert fresh.rows(0)[:, 0].tolist() == [3, 3, 2, 2]


def test_checkpoint_without_a_queue_leaves_it_empty(queue):
    parent = torch.nn.ModuleDict(dict(queue=queue))
    assert parent.load_state_dict({}).missing_keys == []
    assert queue.embeddings.shape == (2, 0, 3)


def test_other_batch_size_than_that_of_the_run_is_refused(queue):
    queue.push(batch(1.0))
    message = "queue of 4 rows is no multiple of the global batch of 3: resume with the batch size"
    with pytest.raises(ValueError, match=re.escape(message)):
        queue.push(batch(1.0, size=3))


def test_batch_longer_than_the_queue_is_refused(queue):
    message = "The queue of 5 rows is shorter than the global batch of 6: set model.queue.length"
    with pytest.raises(ValueError, match=re.escape(message)):
        queue.push(batch(1.0, size=6))
