# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
from pathlib import Path

import pytest

from tests.helpers.small_runs import write_data


@pytest.fixture(scope="session")
def data_root(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("data")
    write_data(root)
    return root
