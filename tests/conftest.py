# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
from pathlib import Path

import pytest

from tests.helpers.small_world import write_saliency, write_split


@pytest.fixture(scope="session")
def photo_root(tmp_path_factory) -> Path:
    """18 training photos with saliency maps and 6 validation photos with masks, of three categories and five sizes."""
    root = tmp_path_factory.mktemp("photos")
    write_split(root, "train", images=6, seed=0)
    write_split(root, "validation", images=2, seed=1, masks=True)
    write_saliency(root, "train", root / "saliency")
    write_saliency(root, "validation", root / "validation-saliency")
    return root
