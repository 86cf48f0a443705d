# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""timm backbones whose first stages, or batch statistics, stay as they are."""

from typing import Any

from mmpretrain.models.backbones import TIMMBackbone
from mmseg.registry import MODELS
from timm.layers import BatchNormAct2d, SyncBatchNormAct
from torch import nn


@MODELS.register_module()
class PartlyFrozenTIMMBackbone(TIMMBackbone):
    """The ``TIMMBackbone`` of mmpretrain with the ``frozen_stages`` and ``norm_eval`` of other OpenMMLab backbones.

    Frozen stages need no backward pass, which on large feature maps is most of the work, and keep their batch
    statistics. Unlike its base class it outlives ``sync_bn="torch"`` in networks whose norms include the activation,
    such as EfficientNets.

    Args:
        frozen_stages: Number of stages, from the first, that are frozen, whichever of them ``out_indices`` returns.
        norm_eval: Keep all batch statistics while training, so that features of small batches of crops are those of
            whole images later; scales and offsets are trained still.
        **kwargs: As for ``TIMMBackbone``; ``features_only`` is set.

    Raises:
        ValueError: If there are not so many stages, or timm does not say where they end.
    """

    def __init__(self, frozen_stages: int = 0, norm_eval: bool = False, **kwargs: Any) -> None:
        super().__init__(features_only=True, **kwargs)
        self._activations = {
            name: (module.drop, module.act)
            for name, module in self.timm_model.named_modules()
            if isinstance(module, BatchNormAct2d)
        }
        self.norm_eval = norm_eval
        stages = [stage["module"] for stage in self.timm_model.feature_info.info]
        if not 0 <= frozen_stages <= len(stages):
            raise ValueError(f"frozen_stages={frozen_stages}, but {kwargs['model_name']} has {len(stages)} stages.")
        self._frozen = _names_up_to(self.timm_model, stages[frozen_stages - 1]) if frozen_stages else ()
        for name in self._frozen:
            for parameter in self.timm_model.get_submodule(name).parameters(recurse=False):
                parameter.requires_grad_(False)

    def add_module(self, name: str, module: nn.Module) -> None:
        """Add a child; one that comes back from torch's conversion to SyncBatchNorm gets its activations back.

        PyTorch turns a norm that includes an activation into one without, and puts the network back by this method.

        Raises:
            ValueError: If the norms were converted to others than torch's ``SyncBatchNorm``.
        """
        super().add_module(name, module)
        for path, (drop, activation) in self._activations.items():
            norm = self.get_submodule(f"timm_model.{path}")
            if type(norm) is nn.SyncBatchNorm:
                norm.__class__ = SyncBatchNormAct
                norm.drop, norm.act = drop, activation
            elif not isinstance(norm, BatchNormAct2d | SyncBatchNormAct):
                raise ValueError(f"{type(norm).__name__} would drop the activations of this network: sync_bn='torch'")

    def train(self, mode: bool = True) -> "PartlyFrozenTIMMBackbone":
        """Set the mode of all but the batch norms that keep their statistics; those stay in evaluation mode."""
        super().train(mode)
        # By their names, since norms are replaced by synchronized ones.
        frozen = (self.timm_model.get_submodule(name) for name in self._frozen)
        for module in self.modules() if self.norm_eval else frozen:
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()
        return self


def _names_up_to(network: nn.Module, stage: str) -> tuple[str, ...]:
    """Names of all modules before the end of one, in the order in which the network has them."""
    names = [name for name, _ in network.named_modules()]
    # What timm wraps to get at the feature maps names "stages.0" in other ways.
    known = (stage, stage.replace(".", "_"), f"model.{stage}")
    found = next((name for name in known if stage and name in names), None)
    if found is None:
        raise ValueError(
            f"frozen_stages: timm's {type(network).__name__} does not tell where {stage or 'this stage'} ends; freeze "
            "another number of stages."
        )
    end = max(index for index, name in enumerate(names) if name == found or name.startswith(f"{found}."))
    return tuple(names[: end + 1])
