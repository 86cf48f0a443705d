# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Queue of recent embeddings that makes the balanced assignment meaningful for small batches (PASS, section 3.2)."""

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.dist import all_gather, get_rank, get_world_size
from mmseg.registry import MODELS
from torch import Tensor, nn


# mmpretrain keeps its queue in a hook and saves it beside the checkpoint, one file a rank: a resumed run can miss it.
@MODELS.register_module()
class EmbeddingQueue(nn.Module):
    """First-in first-out memory of embeddings, one list for each assignment crop, newest rows first.

    Every process holds the same rows, so the checkpoint of any one process is complete; each adds its own share of
    them to the assignment. Rows that nothing was pushed to yet are zero. As many rows as a multiple of the global batch
    take part. The buffer keeps its size, so averaged copies of a model (EMAHook) can follow it.

    Args:
        length: Rows of a list over all processes.
        embedding_dim: Length D of an embedding.
        num_crops: Number of assignment crops.

    Attributes:
        active: Set when training reaches the epoch from which the queue fills.
        embeddings: ``(num_crops, length, D)`` float32.
    """

    def __init__(self, length: int, embedding_dim: int, num_crops: int = 2) -> None:
        super().__init__()
        self.length = length
        self.active = False
        self.embeddings: Tensor
        self.register_buffer("embeddings", torch.zeros(num_crops, length, embedding_dim))
        # To ask a GPU whether the queue is full waits for it, so it is asked no more once the answer was yes.
        self._rows_known_filled = 0

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *args: Any) -> None:
        # Published checkpoints and those of runs without a queue have none: it starts empty.
        stored = state_dict.get(f"{prefix}embeddings")
        if stored is None:
            return
        if stored.ndim != 3 or stored.shape[::2] != self.embeddings.shape[::2]:
            super()._load_from_state_dict(state_dict, prefix, *args)
            return
        # Lists may be longer or shorter: former checkpoints hold what took part, and nothing before it was needed.
        rows = stored[:, : self.length].detach()
        with torch.no_grad():
            self.embeddings.zero_()
            self.embeddings[:, : rows.shape[1]].copy_(rows)
        self._rows_known_filled = 0

    def rows(self, crop: int, batch_size: int = 1) -> Tensor | None:
        """This process's share of one crop's rows, ``(L / processes, D)``; None until the whole list is filled.

        Args:
            crop: Position of an assignment crop.
            batch_size: Images B of this process's batch; L is the multiple of the global batch that the queue can hold.
        """
        length = self._whole_batches(batch_size * get_world_size())
        if not self.active or length == 0 or not self._filled(length):
            return None
        return self.embeddings[crop, :length].chunk(get_world_size())[get_rank()]

    @torch.no_grad()
    def push(self, embeddings: Sequence[Tensor]) -> None:
        """Put the embeddings of all processes in front and drop as many at the back; does nothing unless active.

        Args:
            embeddings: One ``(B, D)`` of this process for each assignment crop.

        Raises:
            ValueError: If the queue cannot hold one global batch.
        """
        if not self.active:
            return
        for stored, local in zip(self.embeddings, embeddings, strict=True):
            newest = torch.cat(all_gather(local.detach().to(stored)))
            self.check_batch(len(newest))
            stored.copy_(torch.cat([newest, stored[: -len(newest)]]))

    def clear(self) -> None:
        """Make it as if nothing was pushed yet."""
        self.embeddings.zero_()
        self._rows_known_filled = 0

    def check_batch(self, batch_size: int) -> None:
        """See that the queue can hold a global batch of this size.

        Raises:
            ValueError: If it cannot.
        """
        if self._whole_batches(batch_size) == 0:
            raise ValueError(
                f"The queue of {self.length} rows is shorter than the global batch of {batch_size}: "
                "set model.queue.length to the batch size or more, or model.queue=None for no queue."
            )

    def _whole_batches(self, batch_size: int) -> int:
        return self.embeddings.shape[1] // batch_size * batch_size

    def _filled(self, length: int) -> bool:
        if length > self._rows_known_filled and bool(self.embeddings[0, length - 1].any()):
            self._rows_known_filled = length
        return length <= self._rows_known_filled
