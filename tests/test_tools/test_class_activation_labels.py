# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Image-level labels to pixel labels to step 3, all on a handful of images."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from mmluss.datasets.label_codec import read_label_map
from tests.helpers.small_runs import run, small_config, write_data
from tests.helpers.small_world import CATEGORIES

pytestmark = pytest.mark.slow

TOOL = Path(__file__).resolve().parents[2] / "tools" / "misc" / "class_activation_labels.py"
_spec = importlib.util.spec_from_file_location("class_activation_labels", TOOL)
class_activation_labels = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(class_activation_labels)


@pytest.fixture(scope="module")
def classified(tmp_path_factory) -> Path:
    """Data, a classifier trained for an iteration, and the config of its activation maps."""
    root = tmp_path_factory.mktemp("weak")
    write_data(root / "data")
    run(small_config("baselines/classifier_r18_8xb32-100e_imagenets50.py", root / "data", root / "classifier"))
    cfg = small_config("baselines/cam_r18_imagenets50.py", root / "data", root / "cam")
    cfg.test_dataloader.dataset.indices = None
    cfg.test_evaluator.thresholds = [0.0, 0.35, 0.65]
    cfg.dump(root / "cam.py")
    return root


def labels_of(folder: Path) -> dict[str, np.ndarray]:
    paths = sorted((folder / "pixel_labels").rglob("*.png"))
    return {path.relative_to(folder / "pixel_labels").as_posix(): read_label_map(path) for path in paths}


def test_labels_are_those_of_the_folders_and_go_into_step_3(classified, tmp_path, capsys):
    arguments = [str(classified / "cam.py"), str(classified / "classifier" / "epoch_1.pth")]
    class_activation_labels.main([*arguments, "--work-dir", str(tmp_path / "cam")])
    out = capsys.readouterr().out
    assert any(f"label maps at the threshold {threshold} are in" in out for threshold in ("0", "0.35", "0.65"))
    maps = labels_of(tmp_path / "cam")
    assert len(maps) == 2 * len(CATEGORIES)
    for name, ids in maps.items():
        assert set(np.unique(ids)) <= {0, 1 + CATEGORIES.index(name.split("/")[0])}

    cfg = small_config(
        "baselines/pass-finetune-cam_r18_8xb32-20e_imagenets50.py", classified / "data", tmp_path / "finetune"
    )
    checkpoint = str(classified / "classifier" / "epoch_1.pth")
    cfg.model.backbone.init_cfg = dict(type="Pretrained", checkpoint=checkpoint, prefix="backbone.")
    cfg.train_dataloader.dataset.label_root = str(tmp_path / "cam" / "pixel_labels")
    runner = run(cfg)
    assert runner.iter == 1 and "test/mIoU" in runner.message_hub.log_scalars


def test_a_given_threshold_and_split(classified, tmp_path):
    arguments = [str(classified / "cam.py"), str(classified / "classifier" / "epoch_1.pth"), "--split", "train-semi"]
    shares = []
    for threshold in ("0.05", "0.999"):
        class_activation_labels.main([*arguments, "--threshold", threshold, "--work-dir", str(tmp_path / threshold)])
        maps = labels_of(tmp_path / threshold)
        assert len(maps) == 2 * len(CATEGORIES)
        shares.append(np.mean([(ids > 0).mean() for ids in maps.values()]))
    assert shares[0] > shares[1]


def test_wrong_threshold_ends_with_the_reason(classified, tmp_path):
    arguments = [str(classified / "cam.py"), str(classified / "classifier" / "epoch_1.pth"), "--threshold", "1.5"]
    with pytest.raises(SystemExit, match=r"threshold is in 0\.\.1"):
        class_activation_labels.main([*arguments, "--work-dir", str(tmp_path)])
