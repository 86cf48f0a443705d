# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
from pathlib import Path

import pytest

from tests.helpers.tiny_steps import write_tiny_configs, write_tiny_data


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory) -> Path:
    """Three categories, 8 training and 2 validation images each."""
    root = tmp_path_factory.mktemp("tiny_data")
    write_tiny_data(root)
    return root


@pytest.fixture(scope="session")
def tiny_configs(tiny_data, tmp_path_factory) -> dict[str, Path]:
    """The from-scratch step configs for the small data set: three epochs of three iterations."""
    return write_tiny_configs(tmp_path_factory.mktemp("tiny_configs"), tiny_data)
