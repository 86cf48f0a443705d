# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import pytest

from tests.helpers.small_world import SmallSegmentor


@pytest.fixture
def model() -> SmallSegmentor:
    return SmallSegmentor().eval()
