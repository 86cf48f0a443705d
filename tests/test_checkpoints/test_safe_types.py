# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import pickle
import re
import zipfile
from datetime import timedelta

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmengine.utils import digit_version

from mmluss.checkpoints.safe_types import allow_mmengine_checkpoints

pytestmark = pytest.mark.skipif(
    digit_version(torch.__version__) < digit_version("2.6.0"), reason="torch < 2.6 reads any checkpoint"
)


class Call:
    """Pickles as the call of a function."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.fixture
def path(tmp_path):
    return tmp_path / "checkpoint.pth"


@pytest.fixture
def without_allowed_types():
    allowed = torch.serialization.get_safe_globals()
    torch.serialization.clear_safe_globals()
    yield
    torch.serialization.clear_safe_globals()
    torch.serialization.add_safe_globals(allowed)


def test_history_buffer_comes_back(path):
    history = HistoryBuffer([1.0, 2.0, 6.0], [1, 1, 1])
    torch.save({"loss": history}, path)
    loaded = torch.load(path, weights_only=True)["loss"]
    assert loaded.mean() == pytest.approx(3.0)
    assert loaded.statistics("max") == 6.0


@pytest.mark.parametrize("kind", [np.bool_, np.int32, np.int64, np.float16, np.float32, np.float64])
def test_numpy_numbers_and_arrays_come_back(path, kind):
    torch.save({"number": kind(1), "array": np.array([0, 1], dtype=kind)}, path)
    loaded = torch.load(path, weights_only=True)
    assert type(loaded["number"]) is kind and loaded["number"] == 1
    np.testing.assert_array_equal(loaded["array"], np.array([0, 1], dtype=kind))


@pytest.mark.parametrize("core", [b"numpy.core.multiarray", b"numpy._core.multiarray"])
def test_checkpoints_of_numpy_1_and_2_are_read(path, tmp_path, core):
    torch.save({"number": np.float64(0.5), "array": np.arange(3)}, path)
    other = tmp_path / "other.pth"
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(other, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name.endswith("data.pkl"):
                content = re.sub(rb"numpy\._?core\.multiarray", core, content)
                assert core in content
            target.writestr(name, content)
    loaded = torch.load(other, weights_only=True)
    assert loaded["number"] == 0.5 and loaded["array"].tolist() == [0, 1, 2]


@pytest.mark.usefixtures("without_allowed_types")
def test_nothing_of_this_is_read_without_the_allow_list(path):
    torch.save({"loss": HistoryBuffer([1.0], [1])}, path)
    with pytest.raises(pickle.UnpicklingError, match="HistoryBuffer"):
        torch.load(path, weights_only=True)
    allow_mmengine_checkpoints()
    assert torch.load(path, weights_only=True)["loss"].current() == 1.0


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(timedelta(1), id="harmless type"),
        pytest.param(Call(eval, "1 + 1"), id="eval"),
        pytest.param(Call(getattr, HistoryBuffer, "__init__"), id="getattr of another attribute"),
        pytest.param(Call(getattr, np.ndarray, "tofile"), id="getattr of another type"),
    ],
)
def test_anything_else_is_still_refused(path, content):
    torch.save({"state_dict": {}, "extra": content}, path)
    with pytest.raises(pickle.UnpicklingError):
        torch.load(path, weights_only=True)
