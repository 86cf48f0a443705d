# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""What mmengine needs to find configs and models by names such as ``mmluss::pass/CONFIG.py``."""

from importlib import import_module

from mmengine.config.utils import MODULE2PACKAGE


def register_config_lookup() -> None:
    """Let ``_base_ = "mmluss::..."``, ``mmengine.hub.get_config`` and ``get_model`` find this package's configs."""
    MODULE2PACKAGE["mmluss"] = "mmluss"


def register_all_modules(init_default_scope: bool = True) -> None:
    """Register all parts of mmluss and mmsegmentation; mmengine calls it by this name.

    Args:
        init_default_scope: Whether parts are looked for in mmsegmentation's scope from now on.
    """
    # Imported here as utils lies below all other folders.
    import_module("mmluss")
    import_module("mmseg.utils").register_all_modules(init_default_scope)
