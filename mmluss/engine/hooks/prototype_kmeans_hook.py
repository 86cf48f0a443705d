# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Prototypes that start where the images are."""

import torch
from mmengine import dist
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.runner import Runner
from mmpretrain.utils import get_ori_model
from mmseg.registry import HOOKS

from mmluss.clustering.kmeans import kmeans


@HOOKS.register_module()
class PrototypeKMeansHook(Hook):
    """Sets the prototypes to the clusters of the training images' embeddings before training starts.

    For backbones that come trained and schedules too short for prototypes to find their places from random ones. One
    crop of each image of an epoch is embedded, in evaluation mode. A resumed run keeps the prototypes of its
    checkpoint.

    Args:
        iterations: Lloyd rounds of k-means.
        restarts: Random starts of k-means.
        seed: Seed of k-means.
    """

    def __init__(self, iterations: int = 20, restarts: int = 3, seed: int = 0) -> None:
        self.iterations = iterations
        self.restarts = restarts
        self.seed = seed

    def before_train(self, runner: Runner) -> None:
        """Embed and cluster; each process takes a share of both.

        Raises:
            ValueError: If there are fewer embeddings than prototypes.
        """
        if runner.iter > 0:
            return
        model = get_ori_model(runner.model)
        embeddings = torch.cat(dist.all_gather(self._embeddings(model, runner.train_dataloader))).cpu().numpy()
        weight = model.prototypes.weight
        if len(embeddings) < len(weight):
            raise ValueError(
                f"{len(embeddings)} embeddings cannot make {len(weight)} prototypes: lower model.num_prototypes or "
                "leave out PrototypeKMeansHook."
            )
        found = kmeans(embeddings, len(weight), iterations=self.iterations, restarts=self.restarts, seed=self.seed)
        with torch.no_grad():
            weight.copy_(torch.from_numpy(found.centroids))

    @staticmethod
    @torch.no_grad()
    def _embeddings(model: BaseModel, dataloader: torch.utils.data.DataLoader) -> torch.Tensor:
        was_training = model.training
        model.eval()
        # As in training, where crops may get their colors here.
        batches = (model.data_preprocessor(batch, True)["inputs"]["crops"][0] for batch in dataloader)
        embeddings = torch.cat([model.crop_embeddings(crops) for crops in batches])
        model.train(was_training)
        return embeddings
