# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Configs of a discovery's steps: those of the package, for a folder of photos and what was found so far."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from mmengine.config import Config

from mmluss.apis.discovery.discovery_settings import DiscoverySettings
from mmluss.apis.discovery.photo_configs import TrainingSize, read_photos, set_sizes
from mmluss.apis.discovery.starting_backbone import StartingBackbone
from mmluss.apis.steps.training_folder import backbone_of
from mmluss.apis.tools.mmseg_tools import find_config

STEP_CONFIGS = dict(
    pretrain="pass-pretrain_efficientnet-lite0_1xb64-10e_flowers15.py",
    pixel_attention="pass-sharp-pixel-attention_efficientnet-lite0_1xb32-7e_flowers15.py",
    finetune="pass-sharp-finetune_efficientnet-lite0_1xb32-6e_flowers15.py",
)


@dataclass(frozen=True)
class DiscoveryConfigs:
    """Makes the configs of the steps.

    Attributes:
        photo_root: Folder of the photos.
        photo_list: Text file with the paths below it that count.
        num_photos: How many they are.
        settings: What to discover.
        size: Sizes of training.
        start: The network that the first step starts from. One that was trained elsewhere needs no step 1 and has no
            projector: what step 2 compares are its own features.
    """

    photo_root: Path
    photo_list: Path
    num_photos: int
    settings: DiscoverySettings
    size: TrainingSize
    start: StartingBackbone

    def pretrain(self) -> Config:
        """Step 1, from the embedded start."""
        cfg = self._step("pretrain")
        set_sizes(cfg, self.size, self.size.pretrain_epochs, self.num_photos)
        cfg.model.backbone.init_cfg = backbone_of(self.start.checkpoint)
        return cfg

    def pixel_attention(self, pretrained: Path | None) -> Config:
        """Step 2.1.

        Args:
            pretrained: Checkpoint of step 1, None without that step.
        """
        cfg = self._step("pixel_attention")
        set_sizes(cfg, self.size, self.size.attention_epochs, self.num_photos)
        cfg.model.pretrained = None if pretrained is None else str(pretrained)
        # Clustering is a step of its own, so that another number of clusters needs no training.
        cfg.default_hooks.pop("pseudo_labels")
        return cfg

    def labels(self, num_clusters: int, trained: Path, embedding_dir: Path) -> Config:
        """Steps 2.2 to 2.4.

        Args:
            num_clusters: Number of clusters.
            trained: Config of step 2.1 as it was trained.
            embedding_dir: Where the embeddings are shared with other numbers of clusters.
        """
        cfg = self._step("pixel_attention")
        cfg.model.pretrained = None
        cfg.default_hooks.pseudo_labels.update(
            num_clusters=num_clusters,
            threshold=self.settings.threshold,
            seed=self.settings.seed,
            embedding_dir=str(embedding_dir),
        )
        # Prototypes and queue are no longer needed; their sizes are those of the checkpoint.
        before = Config.fromfile(trained)
        cfg.model.num_prototypes, cfg.model.queue = before.model.num_prototypes, before.model.queue
        cfg.train_dataloader.batch_size = before.train_dataloader.batch_size
        return cfg

    def finetune(self, num_clusters: int, pretrained: Path | None, label_root: Path) -> Config:
        """Step 3.

        Args:
            num_clusters: Number of clusters.
            pretrained: Checkpoint of step 1, None without that step.
            label_root: Folder of pixel labels.
        """
        cfg = self._step("finetune", label_root=str(label_root), num_clusters=num_clusters)
        set_sizes(cfg, self.size, self.size.finetune_epochs, self.num_photos)
        cfg.test_dataloader.dataset.label_root = False
        if pretrained is not None:
            cfg.model.backbone.init_cfg = backbone_of(pretrained)
        cfg.model.decode_head.num_classes = num_clusters + 1
        # A photo of one's own may show several things.
        cfg.model.test_cfg.one_cluster = False
        return cfg

    def _step(self, step: Literal["pretrain", "pixel_attention", "finetune"], **photos: Any) -> Config:
        cfg = Config.fromfile(find_config(STEP_CONFIGS[step]))
        read_photos(cfg, dict(data_root=str(self.photo_root), photo_list=str(self.photo_list), **photos))
        cfg.randomness = dict(seed=self.settings.seed)
        self.start.put_into(cfg)
        if step == "pixel_attention" and self.start.backbone is not None:
            # There was no step 1 to learn a projector, so the prototypes start at k-means centers of the features.
            cfg.model.update(image_projector=False, hidden_channels=0, embedding_dim=0)
            cfg.default_hooks.prototype_kmeans = dict(type="PrototypeKMeansHook")
        return cfg
