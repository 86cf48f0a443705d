# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Everything that importing mmluss changes outside of it."""

from mmluss.checkpoints.direct_loading import register_published_checkpoints
from mmluss.checkpoints.safe_types import allow_mmengine_checkpoints
from mmluss.utils.config_lookup import register_config_lookup
from mmluss.version import warn_untested


def register() -> None:
    """Put mmluss to work in this process; ``import mmluss`` calls it, and calling it again changes nothing more.

    Data sets, models, metrics, hooks and optimizers enter mmsegmentation's registries when their modules are imported,
    as in every OpenMMLab package. Beyond that:

    - Each installed package whose version lies outside of its tested range gives a warning
      (``mmluss.version.warn_untested``).
    - ``torch.load(weights_only=True)`` may build the few types that mmengine saves in its checkpoints
      (``mmluss.checkpoints.safe_types``).
    - mmengine's loaders of local files and of addresses also take published checkpoints, and run no code out of what
      they download (``mmluss.checkpoints.direct_loading``). What they recognize gets our names; a model that has more
      of the names in the file is given those.
    - mmengine's ``Pretrained`` initializer, that of configs of other projects, too, also takes published checkpoints
      and files of other learners. Where mmengine warns and goes on, it stops: if a file fills less than half of a
      backbone, is of another depth, has a tensor of another shape, or lacks a matrix that is not plugged into blocks
      (``mmluss.checkpoints.PublishedPretrainedInit``).
    - mmengine finds configs and models by names such as ``mmluss::pass/CONFIG.py`` (``mmluss.utils.config_lookup``).

    Example:
        >>> from mmengine.hub import get_config
        >>> get_config("mmluss::pass/pass-finetune_r18_8xb32-20e_imagenets50.py").model.type
        'LUSSSegmentor'
    """
    warn_untested()
    allow_mmengine_checkpoints()
    register_published_checkpoints()
    register_config_lookup()
