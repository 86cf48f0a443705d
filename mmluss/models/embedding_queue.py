# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Queue of recent embeddings that makes the balanced assignment meaningful for small batches (PASS, section 3.2)."""

from collections.abc import Callable, Sequence

import torch
from mmengine.dist import all_gather, get_rank, get_world_size
from mmseg.registry import MODELS
from torch import Tensor, nn


# mmpretrain keeps its queue in a hook and saves it beside the checkpoint, one file a rank: a resumed run can miss it.
@MODELS.register_module()
class EmbeddingQueue(nn.Module):
    """First-in first-out memory of embeddings, one list for each assignment crop, newest rows first.

    Every process holds the same rows, so the checkpoint of any one process is complete; each adds its own share of
    them to the assignment. They are empty until the first push after ``active`` was set, then zeros that fill up.

    Args:
        length: Rows of a list over all processes; rounded down to a multiple of the global batch.
        embedding_dim: Length D of an embedding.
        num_crops: Number of assignment crops.

    Attributes:
        active: Set when training reaches the epoch from which the queue fills.
    """

    def __init__(self, length: int, embedding_dim: int, num_crops: int = 2) -> None:
        super().__init__()
        self.length = length
        self.active = False
        # No buffer: averaged copies of a model (EMAHook) take buffers for tensors that keep their shape.
        self.embeddings = torch.zeros(num_crops, 0, embedding_dim)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "EmbeddingQueue":
        self.embeddings = fn(self.embeddings)
        return super()._apply(fn, recurse)

    def _save_to_state_dict(self, destination: dict, prefix: str, keep_vars: bool) -> None:
        destination[f"{prefix}embeddings"] = self.embeddings

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *_: object) -> None:
        # Published checkpoints and those of runs without a queue have none: it starts empty.
        stored = state_dict.get(f"{prefix}embeddings")
        if stored is not None:
            self.embeddings = stored.detach().to(self.embeddings, copy=True)

    def rows(self, crop: int) -> Tensor | None:
        """This process's share of one crop's rows, ``(L / processes, D)``; None until the whole list is filled."""
        stored = self.embeddings[crop]
        if not self.active or len(stored) == 0 or not stored[-1].any():
            return None
        return stored.chunk(get_world_size())[get_rank()]

    @torch.no_grad()
    def push(self, embeddings: Sequence[Tensor]) -> None:
        """Put the embeddings of all processes in front and drop as many at the back; does nothing unless active.

        Args:
            embeddings: One ``(B, D)`` of this process for each assignment crop.

        Raises:
            ValueError: If the queue cannot hold one global batch, or was made for another batch size.
        """
        if not self.active:
            return
        for crop, local in enumerate(embeddings):
            newest = torch.cat(all_gather(local.detach().to(self.embeddings)))
            self._allocate(len(newest))
            stored = self.embeddings[crop]
            stored.copy_(torch.cat([newest, stored[: -len(newest)]]))

    def _allocate(self, batch_size: int) -> None:
        if self.embeddings.shape[1] == 0:
            rows = self.length // batch_size * batch_size
            if rows == 0:
                raise ValueError(
                    f"The queue of {self.length} rows is shorter than the global batch of {batch_size}: "
                    "set model.queue.length to the batch size or more, or model.queue=None for no queue."
                )
            num_crops, _, dim = self.embeddings.shape
            self.embeddings = self.embeddings.new_zeros(num_crops, rows, dim)
        elif self.embeddings.shape[1] % batch_size:
            raise ValueError(
                f"The checkpoint's queue of {self.embeddings.shape[1]} rows is no multiple of the global batch of "
                f"{batch_size}: resume with the batch size and number of processes that the run was started with."
            )
