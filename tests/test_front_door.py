# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import subprocess
import sys
import warnings

import pytest
from mmengine.model.weight_init import PretrainedInit
from mmengine.registry import WEIGHT_INITIALIZERS
from mmengine.runner.checkpoint import CheckpointLoader, load_from_local

import mmluss
from mmluss import registration

PUBLIC_PARTS = [
    "ImageNetSDataset",
    "KNNSegmentor",
    "LUSSMetric",
    "LUSSSegmentor",
    "PASSPipeline",
    "PASSPretrainer",
    "PixelAttentionSegmentor",
    "ThresholdSweep",
    "read_label_map",
    "register",
    "write_label_map",
]


def run_python(code):
    return subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=120)


def test_all_public_names_exist_and_are_listed():
    assert set(PUBLIC_PARTS) <= set(mmluss.__all__)
    for name in mmluss.__all__:
        assert getattr(mmluss, name) is not None
        assert name in dir(mmluss)


@pytest.mark.parametrize("name", PUBLIC_PARTS)
def test_public_names_are_documented(name):
    assert len(getattr(mmluss, name).__doc__) > 20


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'PASSPipelines'"):
        mmluss.PASSPipelines  # noqa: B018


@pytest.mark.slow
def test_the_pipeline_is_imported_when_it_is_asked_for():
    code = "import sys, mmluss; print('mmluss.apis' in sys.modules, mmluss.PASSPipeline.__name__)"
    assert run_python(code).stdout.split() == ["False", "PASSPipeline"]


@pytest.mark.parametrize(
    ("module", "words"),
    [
        ("faiss", ["mmluss needs faiss", "bash tools/install.sh", "pip install faiss-cpu"]),
        ("mmpretrain", ["mmluss needs mmpretrain", "bash tools/install.sh", "pip install mmpretrain"]),
        ("mmseg", ["mmluss needs mmsegmentation", "pip install mmsegmentation"]),
        ("mmcv", ["mmluss needs mmcv", "bash tools/build_mmcv_wheel.sh"]),
        ("mmcv._ext", ["not its compiled operators", "bash tools/install.sh", "bash tools/build_mmcv_wheel.sh"]),
    ],
)
def test_a_missing_package_is_named_with_the_command_that_installs_it(module, words):
    done = run_python(f"import sys; sys.modules[{module!r}] = None; import mmluss")
    assert done.returncode == 1
    error = done.stderr[done.stderr.rindex("ImportError: ") :]
    for word in words:
        assert word in error


def test_all_missing_packages_are_named_at_once():
    done = run_python("import sys; sys.modules['faiss'] = sys.modules['mmpretrain'] = None; import mmluss")
    assert "mmluss needs mmpretrain, faiss" in done.stderr


def test_registering_again_restores_mmluss_loaders(monkeypatch):
    monkeypatch.setattr(registration, "warn_untested", lambda: None)
    CheckpointLoader.register_scheme("", load_from_local, force=True)
    WEIGHT_INITIALIZERS.register_module(name="Pretrained", module=PretrainedInit, force=True)
    for _ in range(2):
        mmluss.register()
    assert CheckpointLoader._schemes[""] is mmluss.checkpoints.load_from_local_or_published
    assert WEIGHT_INITIALIZERS.get("Pretrained") is mmluss.checkpoints.PublishedPretrainedInit


def test_registering_warns_of_untested_versions(monkeypatch):
    monkeypatch.setattr(registration, "warn_untested", lambda: warnings.warn("untested", stacklevel=1))
    with pytest.warns(UserWarning, match="untested"):
        mmluss.register()
