# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""The training steps of PASS as ``training.py`` and ``gpu.py`` measure them: configs, random batches, the runner.

Nothing is read: weights are random, and a batch of random pixels that is in memory already is used again and again.
"""

import tempfile
import uuid
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

import mmluss  # noqa: F401

CONFIGS = Path(__file__).parents[1] / "configs"
STEPS = ("step 1", "step 2.1", "step 3")
GRID_SIZE = 7
# What these do is not training: they read images, write files, or cluster before and after it.
OTHER_HOOKS = (
    "checkpoint",
    "checkpoint_check",
    "score_files",
    "visualization",
    "cluster_names",
    "saved_config",
    "id_check",
    "pseudo_labels",
    "prototype_kmeans",
)


def load_step(name: str, images: int | None = None, size: int | None = None) -> Config:
    """A step's config without files that it starts from.

    Args:
        name: Below ``configs``.
        images: Of a batch; by default the config's.
        size: Side of the largest crop, pixels; others shrink with it. By default the config's.
    """
    init_default_scope("mmseg")
    MMLogger.get_current_instance().setLevel("ERROR")
    cfg = Config.fromfile(CONFIGS / name)
    cfg.model.backbone.init_cfg = None
    if "pretrained" in cfg.model:
        cfg.model.pretrained = None
    cfg.val_dataloader = cfg.val_evaluator = cfg.val_cfg = None
    cfg.test_dataloader = cfg.test_evaluator = cfg.test_cfg = None
    for hook in OTHER_HOOKS:
        cfg.default_hooks.pop(hook, None)
    # mmengine has this one by default.
    cfg.default_hooks.checkpoint = None
    if "prototypes" in cfg.default_hooks:
        # The queue is part of the work, and prototypes learn, most of the time.
        cfg.default_hooks.prototypes = dict(type="PrototypeHook")
    cfg.log_level = "ERROR"
    if images is not None:
        cfg.train_dataloader.batch_size = images
    if size is not None:
        groups = _crop_groups(cfg)
        largest = max(group["size"] for group in groups)
        for group in groups:
            group["size"] = max(1, round(group["size"] * size / largest))
    return cfg


def _crop_groups(cfg: Config) -> list[dict]:
    for transform in cfg.train_dataloader.dataset.pipeline:
        if transform["type"] == "MultiCrop":
            return transform["groups"]
        if transform["type"] == "RandomResizedCropSeg":
            return [transform]
    raise ValueError("this config has no crops")


def crop_text(cfg: Config) -> str:
    """The crops in words, such as ``2 x 224 + 6 x 96``."""
    return " + ".join(f"{group.get('number', 1)} x {group['size']}" for group in _crop_groups(cfg))


def random_batch(cfg: Config, device: str | torch.device = "cpu") -> dict:
    """A batch of a step as its data loader gives it, of random pixels and, in step 3, labels."""
    generator = torch.Generator().manual_seed(0)
    images = cfg.train_dataloader.batch_size

    def pixels(*shape: int) -> Tensor:
        return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator).to(device)

    if cfg.model.type == "LUSSSegmentor":
        side = _crop_groups(cfg)[0]["size"]
        samples = []
        for _ in range(images):
            labels = torch.randint(0, cfg.model.decode_head.num_classes, (1, side, side), generator=generator)
            shape = dict(ori_shape=(side, side), img_shape=(side, side))
            samples.append(SegDataSample(gt_sem_seg=PixelData(data=labels.to(device)), metainfo=shape))
        return dict(inputs=[pixels(3, side, side) for _ in range(images)], data_samples=samples)
    crops = [
        pixels(images, 3, group["size"], group["size"])
        for group in _crop_groups(cfg)
        for _ in range(group.get("number", 1))
    ]
    grid = 2 * torch.rand(images, 2, GRID_SIZE, GRID_SIZE, 2, generator=generator) - 1
    return dict(inputs=dict(crops=crops, grid=grid.to(device)), data_samples=[SegDataSample() for _ in range(images)])


def build_model(cfg: Config, channels_last: bool | None = None, device: str | torch.device = "cpu") -> nn.Module:
    """The model in training mode, its queue filling, with the same random weights at each call.

    Args:
        cfg: Of ``load_step``.
        channels_last: Memory format of its images; by default the config's.
        device: Where it goes.
    """
    torch.manual_seed(0)
    settings = cfg.model.to_dict()
    if channels_last is not None:
        settings["data_preprocessor"]["channels_last"] = channels_last
    model = MODELS.build(settings)
    model.init_weights()
    fill_queue(model)
    return model.to(device).train()


def fill_queue(model: nn.Module) -> None:
    """Have the queue take part from the first iteration, as it does for most of a training."""
    queue = getattr(model, "queue", None)
    if queue is not None:
        queue.active = True
        queue.embeddings.copy_(nn.functional.normalize(torch.randn(queue.embeddings.shape), dim=-1))


def losses_of(model: nn.Module, batch: dict) -> Tensor:
    """The loss that a step optimizes; normalization included."""
    data = model.data_preprocessor(batch, True)
    return model.parse_losses(model(**data, mode="loss"))[0]


def backbone_inputs(model: nn.Module, batch: dict) -> list[Tensor]:
    """What the backbone is given of a batch: normalized images, crops of one size together."""
    inputs = model.data_preprocessor(batch, True)["inputs"]
    if not isinstance(inputs, dict):
        return [inputs]
    sizes = sorted({crop.shape[-1] for crop in inputs["crops"]}, reverse=True)
    return [torch.cat([crop for crop in inputs["crops"] if crop.shape[-1] == size]) for size in sizes]


class _SameBatch(Dataset):
    def __init__(self, batch: dict, iterations: int) -> None:
        self.batch, self.iterations = batch, iterations

    def __len__(self) -> int:
        return self.iterations

    def __getitem__(self, index: int) -> dict:
        return self.batch


def _only(samples: list[dict]) -> dict:
    return samples[0]


def train_by_runner(cfg: Config, batch: dict, iterations: int, hook: Hook) -> None:
    """Train by mmengine's runner, as ``tools/train.py`` does, with all hooks of the config that belong to training.

    Args:
        cfg: Of ``load_step``.
        batch: The same one each time.
        iterations: Of the only epoch.
        hook: Called last in each iteration.
    """
    cfg = cfg.copy()
    cfg.train_cfg.max_epochs = 1
    # Neither logs nor pictures of an earlier run of this process.
    cfg.experiment_name = cfg.visualizer.name = str(uuid.uuid4())
    with tempfile.TemporaryDirectory() as folder:
        cfg.work_dir = folder
        runner = Runner.from_cfg(cfg)
        fill_queue(runner.model)
        runner._train_dataloader = DataLoader(_SameBatch(batch, iterations), collate_fn=_only)
        runner.register_hook(hook, priority="LOWEST")
        runner.train()
