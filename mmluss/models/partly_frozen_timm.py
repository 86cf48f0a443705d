# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""timm backbones whose first stages stay as they are."""

from typing import Any

from mmpretrain.models.backbones import TIMMBackbone
from mmseg.registry import MODELS
from torch import nn


@MODELS.register_module()
class PartlyFrozenTIMMBackbone(TIMMBackbone):
    """mmpretrain's ``TIMMBackbone`` with the ``frozen_stages`` of other OpenMMLab backbones.

    Frozen stages need no backward pass, which on large feature maps is most of the work, and keep their batch
    statistics.

    Args:
        frozen_stages: Number of feature maps, from the first, up to whose stage everything is frozen.
        **kwargs: As for ``TIMMBackbone``; ``features_only`` is set.

    Raises:
        ValueError: If there are not so many stages.
    """

    def __init__(self, frozen_stages: int = 0, **kwargs: Any) -> None:
        super().__init__(features_only=True, **kwargs)
        stages = self.timm_model.feature_info.module_name()
        if not 0 <= frozen_stages <= len(stages):
            raise ValueError(f"frozen_stages={frozen_stages}, but {kwargs['model_name']} has {len(stages)} stages.")
        if frozen_stages:
            prefix = f"{stages[frozen_stages - 1]}."
            parameters = list(self.timm_model.named_parameters())
            end = 1 + max(i for i, (name, _) in enumerate(parameters) if name.startswith(prefix))
            for _, parameter in parameters[:end]:
                parameter.requires_grad_(False)

    def train(self, mode: bool = True) -> "PartlyFrozenTIMMBackbone":
        """Set the mode of all but the frozen batch norms, which stay in evaluation mode."""
        super().train(mode)
        for module in self.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm) and not module.weight.requires_grad:
                module.eval()
        return self
