# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Commands, pipelines and converters that get what they cannot use."""

import importlib.util
from pathlib import Path

import pytest
from mmengine.config import Config

from mmluss import dependencies
from mmluss.apis import PASSPipeline
from mmluss.apis.discovery.discovery import Discovery, DiscoverySettings
from mmluss.apis.discovery.photo_configs import training_size
from mmluss.apis.results.cluster_names import read_cluster_names
from mmluss.apis.results.run_folder import RunFolder
from mmluss.apis.segmenting.segment_files import photos_to_segment
from mmluss.apis.segmenting.segmenter import find_model
from mmluss.apis.steps.steps import StepRunner
from mmluss.apis.tools.mmseg_tools import find_config, run_mmseg_tool
from mmluss.datasets.photos import list_photos
from mmluss.utils.fingerprints import folder_fingerprint
from tests.helpers.bad_inputs import check, table

TOOLS = Path(__file__).resolve().parents[2] / "tools"
CONFIGS = TOOLS.parent / "configs"


@pytest.fixture
def root(tmp_path, monkeypatch):
    (tmp_path / "data" / "train" / "a").mkdir(parents=True)
    # Messages name the folder of configs.
    monkeypatch.chdir(CONFIGS.parent)
    return tmp_path


def _tool(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _pipeline(root, **changes):
    settings = dict(pretrain=str(find_config("pass-pretrain_r18_1xb64-40e_flowers15.py")), num_clusters=3, controls=[])
    settings |= dict.fromkeys(("pixel_attention", "finetune"), settings["pretrain"])
    settings |= dict(data_root=str(root / "data")) | changes
    (root / "pipeline.py").write_text("".join(f"{name} = {value!r}\n" for name, value in settings.items()))
    PASSPipeline(Config.fromfile(root / "pipeline.py"), root / "work")


def control_of_another_name(root):
    _pipeline(root, controls=["random"])


def pipeline_without_its_warm_start(root):
    _pipeline(root, warm_start=str(root / "start.pth"))


def pipeline_without_its_data(root):
    _pipeline(root, data_root=str(root / "nowhere"))


def pipeline_without_a_step_config(root):
    _pipeline(root, finetune="zzzzz.py")


def pipeline_key_with_a_slip(root):
    _tool(TOOLS / "run_pipeline.py").check_options(dict(num_cluster=3), Config(dict(num_clusters=3)))


def pipeline_override_with_a_slip(root):
    _tool(TOOLS / "run_pipeline.py").check_options({"overrides.fine_tune.lr": 1}, Config(dict(overrides={})))


def hook_twice(root):
    base = find_config("pass-pretrain_r18_1xb64-40e_flowers15")
    lines = [f"_base_ = {str(base.resolve())!r}", 'custom_hooks = [dict(type="PrototypeHook")]']
    (root / "old.py").write_text("\n".join(lines))
    run_mmseg_tool("train", [str(root / "old.py")])


def folder_that_is_no_data_set(root):
    folder_fingerprint(root / "nowhere")


def step_without_its_result(root):
    StepRunner(root / "work").run("3_finetune", {}, lambda folder: None, lambda folder: {}, ["last_checkpoint"])


def record_of_steps_that_was_cut_off(root):
    (root / "work" / "3_finetune").mkdir(parents=True)
    (root / "work" / "3_finetune" / "step.json").write_text('{"3_finetune"')
    StepRunner(root / "work").run("3_finetune", {}, lambda folder: None, lambda folder: {})


def one_cluster_to_discover(root):
    DiscoverySettings(clusters=1)


def threshold_to_discover_by_validation(root):
    DiscoverySettings(threshold=2)


def too_few_photos(root):
    training_size(7)


def no_photos_to_discover(root):
    Discovery(root / "nowhere", root / "out").run()


def folder_of_no_run(root):
    _ = RunFolder(root).run


def model_of_no_run(root):
    find_model(root)


def nothing_to_segment(root):
    photos_to_segment(str(root / "*.jpg"), leave_out=[])


def folder_with_nothing_to_segment(root):
    photos_to_segment(root / "data")


def results_among_the_photos(root):
    Discovery(root / "data", root / "data").run()


def results_to_discover(root):
    for name in ("run.json", "work/photos.txt"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).touch()
    list_photos(root)


def names_in_a_circle(root):
    (root / "clusters.csv").write_text("id,name,merge_into,drop\n1,a,2,\n2,b,1,\n")
    read_cluster_names(root / "clusters.csv", 2)


def name_of_a_cluster_that_is_not(root):
    (root / "clusters.csv").write_text("id,name,merge_into,drop\n5,a,,\n")
    read_cluster_names(root / "clusters.csv", 2)


def names_without_their_columns(root):
    (root / "clusters.csv").write_text("number,title\n1,a\n")
    read_cluster_names(root / "clusters.csv", 2)


def _list(root, text):
    (root / "list.txt").write_text(text)
    _tool(TOOLS / "dataset_converters" / "imagenets.py").read_list(root, "list.txt")


def toolbox_list_that_is_missing(root):
    _tool(TOOLS / "dataset_converters" / "imagenets.py").read_list(root, "list.txt")


def toolbox_list_of_one_column(root):
    _list(root, "a/1.JPEG\n")


def toolbox_list_that_leads_elsewhere(root):
    _list(root, "a/1.JPEG ../1.JPEG\n")


def toolbox_that_is_no_toolbox(root):
    _tool(TOOLS / "dataset_converters" / "imagenets.py").find_lists(root)


def missing_faiss(root):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dependencies, "find_spec", lambda name: None if name == "faiss" else True)
        dependencies.check_dependencies()


def missing_operators_of_mmcv(root):
    found = dependencies.import_module

    def fail(name):
        if name == "mmcv.ops":
            raise ImportError("No module named 'mmcv._ext'")
        return found(name)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dependencies, "import_module", fail)
        dependencies.check_dependencies()


@table(globals())
def test_message(act, root):
    check(act, root)
