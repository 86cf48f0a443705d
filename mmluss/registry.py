# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""The scope ``mmluss``, which mmengine gives to what comes from configs named ``mmluss::...``.

Our parts are registered with mmsegmentation; these registries are empty and hand every look-up on to its own.
"""

from mmengine.registry import Registry
from mmseg import registry as mmseg_registry

# A look-up imports the places of the registry that it starts from only, not those of the registries above.
_PLACES = ["mmluss", *(f"mmseg.{part}" for part in ("datasets", "engine", "evaluation", "models", "visualization"))]

REGISTRIES = {
    name: Registry(registry.name, parent=registry, scope="mmluss", locations=_PLACES)
    for name, registry in ((name, getattr(mmseg_registry, name)) for name in mmseg_registry.__all__)
}
