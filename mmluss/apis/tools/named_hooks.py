# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Names that this project's hooks have in ``default_hooks``, and configs from before they had any."""

import warnings

from mmengine.config import Config

HOOK_NAMES = {
    "EpochSeedHook": "epoch_seed",
    "PrototypeHook": "prototypes",
    "PrototypeKMeansHook": "prototype_kmeans",
    "CollapseWarningHook": "collapse_warning",
    "PseudoLabelHook": "pseudo_labels",
    "SupportHook": "support",
    "ResumableRFSearchHook": "rf_search",
}


def check_no_hook_twice(cfg: Config) -> None:
    """Refuse a config in which a hook is named in ``default_hooks`` and stands in ``custom_hooks`` as well.

    Raises:
        ValueError: Both would act, where before there were names the list replaced the hook of a base config.
    """
    named = cfg.get("default_hooks") or {}
    for hook in cfg.get("custom_hooks") or []:
        name = HOOK_NAMES.get(hook["type"])
        # Seeding twice is seeding once.
        if name in named and name != "epoch_seed":
            raise ValueError(
                f"{cfg.filename}: {hook['type']} stands in custom_hooks, and a base config has it as "
                f"default_hooks.{name}, so both would act. Write its settings as default_hooks.{name}."
            )


def name_project_hooks(cfg: Config) -> None:
    """Move this project's hooks from a config's ``custom_hooks`` to their names in ``default_hooks``, with a warning.

    Such a list replaced all hooks of a base config, so a moved hook replaces the one that has its name.

    Args:
        cfg: Changed in place; other entries of ``custom_hooks`` stay.
    """
    hooks = cfg.get("custom_hooks") or []
    moved = [hook for hook in hooks if hook["type"] in HOOK_NAMES]
    if not moved:
        return
    named = {HOOK_NAMES[hook["type"]]: hook for hook in moved}
    places = ", ".join(f"default_hooks.{name} ({hook['type']})" for name, hook in named.items())
    warnings.warn(
        f"{cfg.filename}: hooks of mmluss in custom_hooks are taken for entries of default_hooks; "
        f"write them there, so that configs merge: {places}.",
        FutureWarning,
        stacklevel=2,
    )
    cfg.default_hooks = dict(cfg.get("default_hooks") or {}, **named)
    cfg.custom_hooks = [hook for hook in hooks if hook["type"] not in HOOK_NAMES]
