# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
from pathlib import Path

import pytest

from tests.helpers.messy_folder import write_messy_folder


@pytest.fixture(scope="session")
def messy_folder(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("messy photos")
    write_messy_folder(root)
    return root
