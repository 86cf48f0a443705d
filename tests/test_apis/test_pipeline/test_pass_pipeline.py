# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.config import Config
from mmseg.apis import MMSegInferencer, inference_model, init_model

from mmluss.apis import PASSPipeline
from mmluss.apis.segmenting.segmenter import Segmenter
from mmluss.apis.steps.training_folder import last_checkpoint
from mmluss.apis.tools.tool_processes import call_mmseg_tool
from mmluss.datasets.label_codec import read_label_map
from tests.helpers.tiny_steps import COLORS, CONFIGS

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pipeline_config(tiny_configs, tiny_data, tmp_path_factory):
    path = tmp_path_factory.mktemp("pipeline") / "pipeline.py"
    lines = [f"{step} = {str(config)!r}" for step, config in tiny_configs.items()]
    lines += [
        f"data_root = {str(tiny_data)!r}",
        "num_clusters = 3",
        "protocol = 'test'",
        "controls = ['raw_color']",
        "panel = dict(num_images=2)",
        f"overrides = { ({step: dict(train_cfg=dict(max_epochs=1)) for step in tiny_configs}) }",
    ]
    path.write_text("\n".join(lines))
    return path


@pytest.fixture(scope="module")
def finished(pipeline_config, tmp_path_factory):
    os.environ["OMP_NUM_THREADS"] = "1"
    work_dir = tmp_path_factory.mktemp("work")
    pipeline = PASSPipeline(Config.fromfile(pipeline_config), work_dir)
    return work_dir, pipeline.run(), pipeline.draw_panel()


def test_every_step_leaves_its_results(finished):
    work_dir, report, panel = finished
    names = [step["name"] for step in report["steps"]]
    assert names == [
        "1_pretrain",
        "2_pixel_attention",
        "2_pixel_labels_test",
        "3_finetune",
        "4_test",
        "c3_raw_color",
    ]
    assert len(list((work_dir / "2_pixel_attention" / "pixel_labels").rglob("*.png"))) == 24
    assert json.loads((work_dir / "report.json").read_text())["miou"] == report["miou"]
    assert all(0 <= miou <= 100 for miou in report["miou"].values())
    height, width = cv2.imread(str(panel)).shape[:2]
    assert height > 200 and width > 600


def test_mmseg_runs_the_final_checkpoint(finished, tiny_data, tmp_path):
    work_dir, _, _ = finished
    config = str(work_dir / "3_finetune" / "config.py")
    checkpoint = str(work_dir / "3_finetune" / "epoch_1.pth")
    image = str(next((tiny_data / "validation").rglob("*.JPEG")))
    shape = cv2.imread(image).shape[:2]
    sample = inference_model(init_model(config, checkpoint, device="cpu"), image)
    assert tuple(sample.pred_sem_seg.data.shape[1:]) == shape
    inferencer = MMSegInferencer(config, checkpoint, device="cpu")
    result = inferencer(image, out_dir=str(tmp_path), show=False)
    np.testing.assert_array_equal(result["predictions"], sample.pred_sem_seg.data[0].numpy())
    assert list(tmp_path.rglob("*.png"))


@pytest.mark.parametrize(
    ("step", "checkpoint", "test"),
    [("2_pixel_attention", "pixel_labels.pth", "2_pixel_labels_test"), ("3_finetune", "epoch_1.pth", "4_test")],
)
def test_clusters_have_the_names_of_their_matching(finished, tiny_data, step, checkpoint, test):
    work_dir, _, _ = finished
    path = work_dir / step / checkpoint
    categories = ["other", *sorted(folder.name for folder in (tiny_data / "train").iterdir())]
    match = json.loads((work_dir / test / "match.json").read_text())
    expected = [categories[match[str(cluster)]] for cluster in range(4)]
    assert sorted(expected) == sorted(categories)
    assert (
        list(init_model(str(work_dir / step / "config.py"), str(path), device="cpu").dataset_meta["classes"])
        == expected
    )
    assert list(Segmenter(path, "cpu").names.names) == expected


def test_color_names_the_categories_of_colored_boxes(finished):
    _, report, _ = finished
    assert report["miou"]["control: k-means on raw color"] > 60


def test_color_is_clustered_again_for_other_images(finished, pipeline_config, tmp_path):
    work_dir, report, _ = finished
    shutil.copytree(work_dir / "c3_raw_color", tmp_path / "work" / "c3_raw_color")
    cfg = Config.fromfile(pipeline_config)
    same = PASSPipeline(cfg, tmp_path / "work")._by_raw_color()[1]
    assert same.figures["mIoU"] == report["miou"]["control: k-means on raw color"]
    cfg.overrides.pixel_attention.test_dataloader = dict(dataset=dict(indices=1))
    other = PASSPipeline(cfg, tmp_path / "work")._by_raw_color()[1]
    assert other.figures["mIoU"] != same.figures["mIoU"]


def test_one_folder_of_data_has_one_spelling(finished, pipeline_config, tiny_data, monkeypatch):
    work_dir, report, _ = finished
    monkeypatch.chdir(tiny_data.parent)
    for spelling in (tiny_data.name, f"./{tiny_data.name}/", f"{tiny_data}/"):
        pipeline = PASSPipeline(Config.fromfile(pipeline_config), work_dir, data_root=spelling)
        assert pipeline.data_root == str(tiny_data)
        assert pipeline._pretrain().seconds == report["steps"][0]["seconds"]


def test_running_again_does_nothing(finished, pipeline_config):
    work_dir, report, _ = finished
    before = {path: path.stat().st_mtime_ns for path in work_dir.rglob("*.pth")}
    assert PASSPipeline(Config.fromfile(pipeline_config), work_dir).run() == report
    assert {path: path.stat().st_mtime_ns for path in work_dir.rglob("*.pth")} == before


def test_missing_data_and_configs_are_named(pipeline_config, tmp_path):
    cfg = Config.fromfile(pipeline_config)
    with pytest.raises(FileNotFoundError, match="--data-root"):
        PASSPipeline(cfg, tmp_path, data_root=str(tmp_path / "nowhere"))
    cfg.finetune = "missing.py"
    with pytest.raises(FileNotFoundError, match=r"(?s)step finetune: .*missing\.py does not exist"):
        PASSPipeline(cfg, tmp_path)


def test_former_key_for_clusters_still_works(pipeline_config, tmp_path):
    cfg = Config.fromfile(pipeline_config)
    cfg.num_categories = 4
    with pytest.warns(FutureWarning, match="num_categories is called num_clusters"):
        assert PASSPipeline(cfg, tmp_path).num_clusters == 4


def test_controls_are_checked_before_any_work(pipeline_config, tmp_path):
    cfg = Config.fromfile(pipeline_config)
    cfg.controls = ["raw_colour", "untrained"]
    with pytest.warns(FutureWarning, match="raw_colour is called raw_color"):
        assert PASSPipeline(cfg, tmp_path).controls == ["raw_color", "untrained"]
    cfg.controls = ["random"]
    with pytest.raises(ValueError, match=r"no control 'random'; known are no_pretraining, untrained, raw_color"):
        PASSPipeline(cfg, tmp_path)


def test_steps_of_a_config_elsewhere_are_those_of_the_package(pipeline_config, tmp_path):
    cfg = Config.fromfile(pipeline_config)
    cfg.pretrain = "../pass/pass-pretrain_r18_1xb64-40e_flowers15.py"
    found = PASSPipeline(cfg, tmp_path).step_cfgs["pretrain"]
    assert found.samefile(CONFIGS / "pass" / "pass-pretrain_r18_1xb64-40e_flowers15.py")


def test_hooks_in_an_old_list_are_found(pipeline_config, tiny_configs, tmp_path):
    step = Config.fromfile(tiny_configs["pixel_attention"])
    step.custom_hooks = [step.default_hooks.pop("pseudo_labels")]
    step.dump(tmp_path / "old.py")
    cfg = Config.fromfile(pipeline_config)
    cfg.pixel_attention = str(tmp_path / "old.py")
    with pytest.warns(FutureWarning, match=r"default_hooks\.pseudo_labels"):
        hooks = PASSPipeline(cfg, tmp_path)._step_cfg("pixel_attention").default_hooks
    assert hooks.pseudo_labels.crop_size == 48 and hooks.prototypes.freeze_iters == 2


@pytest.fixture
def config_of_removed_data(pipeline_config, tiny_configs, tiny_data, tmp_path):
    """The pipeline config, and step configs, as if their data had been removed: nothing leads to it."""
    text = pipeline_config.read_text()
    for step, config in tiny_configs.items():
        moved = tmp_path / f"{step}.py"
        moved.write_text(config.read_text().replace(str(tiny_data), str(tmp_path / "removed")))
        text = text.replace(str(config), str(moved))
    path = tmp_path / "pipeline.py"
    path.write_text(text.replace(str(tiny_data), str(tmp_path / "removed")))
    assert str(tiny_data) not in path.read_text() + "".join(file.read_text() for file in tmp_path.glob("*.py"))
    return path


def test_data_root_is_where_all_data_sets_read(config_of_removed_data, tiny_data, tmp_path):
    cfg = Config.fromfile(config_of_removed_data)
    cfg.controls = ["raw_color"]
    data = shutil.copytree(tiny_data, tmp_path / "own data")
    pipeline = PASSPipeline(cfg, tmp_path / "work", data_root=str(data))
    report = pipeline.run()
    assert report["data_root"] == str(data)
    assert set(report["miou"]) == {"pixel labels (step 2)", "fine-tuned (step 4)", "control: k-means on raw color"}
    assert pipeline.draw_panel().is_file()


def test_a_step_without_data_sets_is_an_error(config_of_removed_data, tiny_data, tmp_path):
    cfg = Config.fromfile(config_of_removed_data)
    pretrain = Config.fromfile(cfg.pretrain)
    pretrain.train_dataloader = None
    pretrain.dump(tmp_path / "pretrain.py")
    with pytest.raises(ValueError, match=r"pretrain\.py: no data set with a data_root"):
        PASSPipeline(cfg, tmp_path / "work", data_root=str(tiny_data)).run()


def test_without_masks_nothing_is_scored(config_of_removed_data, tiny_data, tmp_path):
    shutil.copytree(tiny_data / "train", tmp_path / "data" / "train")
    cfg = Config.fromfile(config_of_removed_data)
    pipeline = PASSPipeline(cfg, tmp_path / "work", data_root=str(tmp_path / "data"))
    assert pipeline.run()["miou"] == {}
    assert pipeline.draw_panel() is None
    folder = tmp_path / "work" / "3_finetune"
    arguments = [
        folder / "config.py",
        last_checkpoint(folder),
        "--work-dir",
        tmp_path / "test",
        "--out",
        tmp_path / "out",
    ]
    call_mmseg_tool("test", arguments, tmp_path / "log.txt")
    predicted = [path.relative_to(tmp_path / "out") for path in (tmp_path / "out").rglob("*.png")]
    trained = [path.relative_to(tiny_data / "train") for path in (tiny_data / "train").rglob("*.JPEG")]
    assert sorted(predicted) == sorted(path.with_suffix(".png") for path in trained)
    assert 'id="scores"' not in pipeline.write_page(pipeline.run()).read_text()


@pytest.mark.parametrize(("scored", "rate_of_draft"), [(True, None), (True, 0.03), (False, None)])
def test_rounds_train_on_labels_of_the_model_before(scored, rate_of_draft, config_of_removed_data, tiny_data, tmp_path):
    data, work = shutil.copytree(tiny_data, tmp_path / "own data"), tmp_path / "work"
    if not scored:
        shutil.rmtree(data / "validation-segmentation")
    cfg = Config.fromfile(config_of_removed_data)
    cfg.controls, cfg.rounds = [], 2
    if rate_of_draft is not None:
        cfg.draft = dict(optim_wrapper=dict(optimizer=dict(lr=rate_of_draft)))
    pipeline = PASSPipeline(cfg, work, data_root=str(data))
    report = pipeline.run()
    names = [step["name"] for step in report["steps"]]
    assert [name for name in names if name[0] == "3"] == ["3_finetune", "3_labels_round2", "3_finetune_round2"]
    assert report["rounds"] == 2 and ("4_test_round2" in names) is scored
    first, last = (Config.fromfile(work / name / "config.py") for name in ("3_finetune", "3_finetune_round2"))
    rates = first.optim_wrapper.optimizer.lr, last.optim_wrapper.optimizer.lr
    assert rates[0] == (rate_of_draft or rates[1]) and rates[1] != 0.03
    trained = last.train_dataloader.dataset
    assert trained.label_root == str(work / "3_labels_round2" / "pixel_labels")
    images = {path.relative_to(data / "train").with_suffix("") for path in (data / "train").rglob("*.JPEG")}
    labels = {path.relative_to(trained.label_root).with_suffix("") for path in Path(trained.label_root).rglob("*.png")}
    assert labels == images
    # They are what the first round's model says of the photos.
    segmenter = Segmenter(last_checkpoint(work / "3_finetune"), "cpu")
    for name in sorted(images)[::5]:
        expected = segmenter(data / "train" / name.with_suffix(".JPEG")).label_map
        np.testing.assert_array_equal(read_label_map(Path(trained.label_root, f"{name}.png")), expected)
    if scored:
        rows = ["pixel labels (step 2)", "fine-tuned, round 1", "fine-tuned (step 4)"]
        # Drafts are not scored.
        assert list(report["miou"]) == [row for row in rows if rate_of_draft is None or "round" not in row]
        assert ("4_test" in names) is (rate_of_draft is None)
        scores = json.loads((work / "4_test_round2" / "scores.json").read_text())["scores"]
        assert report["miou"]["fine-tuned (step 4)"] == scores["mIoU"]
    page = pipeline.write_page(report).read_text()
    assert "step 3, round 2" in page and (pipeline.draw_panel() is not None) is scored
    before = {path: path.stat().st_mtime_ns for path in work.rglob("*.pth")}
    assert PASSPipeline(cfg, work, data_root=str(data)).run() == report
    assert {path: path.stat().st_mtime_ns for path in work.rglob("*.pth")} == before


@pytest.mark.parametrize("rounds", [0, -1, "two", 1.5])
def test_rounds_are_counted_from_one(rounds, pipeline_config, tmp_path):
    cfg = Config.fromfile(pipeline_config)
    cfg.rounds = rounds
    with pytest.raises(ValueError, match=f"rounds is a number, 1 or more, not {rounds!r}"):
        PASSPipeline(cfg, tmp_path)


def test_a_draft_that_is_no_dict_is_told_of_before_any_work(pipeline_config, tmp_path):
    cfg = Config.fromfile(pipeline_config)
    cfg.draft = "coarse"
    with pytest.raises(ValueError, match="draft is a dict of changes to the config of step 3, not 'coarse'"):
        PASSPipeline(cfg, tmp_path)


@pytest.mark.parametrize("scored", [True, False])
def test_there_may_be_more_clusters_than_categories(scored, pipeline_config, tiny_data, tmp_path):
    data = tmp_path / "data"
    shutil.copytree(tiny_data, data)
    if not scored:
        shutil.rmtree(data / "validation-segmentation")
    cfg = Config.fromfile(pipeline_config)
    cfg.num_clusters = 5
    pipeline = PASSPipeline(cfg, tmp_path / "work", data_root=str(data))
    report = pipeline.run()
    assert len(np.load(tmp_path / "work" / "2_pixel_attention" / "centroids.npy")) == 5
    names = Segmenter(tmp_path / "work" / "3_finetune" / "epoch_1.pth", "cpu").names.names
    unmatched = {name for name in names if name.startswith("cluster ")}
    assert len(names) == 6 and len(unmatched) == (2 if scored else 5)
    assert all(names[int(name.split()[1])] == name for name in unmatched)
    assert ("fine-tuned (step 4)" in report["miou"]) is scored
    assert (pipeline.draw_panel() is not None) is scored
    assert (tmp_path / "work" / "3_finetune" / "last_checkpoint").is_file()


def run_tool(*arguments: object) -> subprocess.CompletedProcess:
    tool = CONFIGS.parent / "tools" / "run_pipeline.py"
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path), COLUMNS="100", OMP_NUM_THREADS="1")
    command = [sys.executable, str(tool), *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True)


def test_the_tool_shows_a_line_a_step_and_an_error_last(pipeline_config, tiny_data, tmp_path):
    options = ["--work-dir", tmp_path / "work", "--cfg-options", "controls=[]"]
    failed = run_tool(pipeline_config, *options, "overrides.finetune.optim_wrapper.optimizer.lr=-1")
    shown = [line for line in (failed.stdout + failed.stderr).splitlines() if line.strip()]
    assert failed.returncode == 1 and len(shown) < 20, shown
    assert any(line.startswith("2 pixel attention") for line in shown)
    assert failed.stderr.strip().splitlines()[-1].endswith("Invalid learning rate: -1")
    assert "Epoch(train)" in (tmp_path / "work" / "logs" / "1_pretrain.log").read_text()
    loud = run_tool(pipeline_config, "--verbose", *options)
    assert loud.returncode == 0 and "Epoch(train)" in loud.stdout
    page = (tmp_path / "work" / "report" / "index.html").read_text()
    report = json.loads((tmp_path / "work" / "report.json").read_text())
    assert f"{report['miou']['fine-tuned (step 4)']:.2f}" in page and "share of each category" in page
    assert {name for name in COLORS if f"<h3>{name}</h3>" in page} == set(COLORS)
