# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
from pathlib import Path

import pytest
import torch
import yaml
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS

from mmluss.models import LUSSSegmentor
from tests.helpers.small_runs import CONFIGS, leaf_configs, write_structure

ROOT = CONFIGS.parent
INDEX = yaml.safe_load((ROOT / "model-index.yml").read_text())["Import"]
METAFILES = [yaml.safe_load((ROOT / path).read_text()) for path in INDEX]
COLLECTIONS = [collection for metafile in METAFILES for collection in metafile["Collections"]]
ENTRIES = [model for metafile in METAFILES for model in metafile["Models"]]
# The same, trained by a recipe that is not here.
OTHER_RECIPE = {
    "fcn_vit-b16-mae_8xb32-100e_imagenets919": (40.4, 40.1),
    "fcn_vit-b16-mae-sup_8xb32-100e_imagenets919": (61.7, 61.4),
    "fcn_vit-s16-sere_8xb32-100e_imagenets919": (40.9, 40.7),
    "fcn_vit-s16-sere-sup_8xb32-100e_imagenets919": (59.4, 58.9),
}
THRESHOLDS = {50: 0.41, 300: 0.40, 919: 0.37}
FOLDER_CATEGORIES = {"Flowers15": 15, "mini_imagenets": 9}
# Validation and test mIoU that the authors report.
PUBLISHED = {
    "pass-finetune_r18_8xb32-20e_imagenets50": [(32.4, 32.0), (29.2, 29.3)],
    "pass-finetune-saliency_r18_8xb32-20e_imagenets50": [(43.3, 42.3)],
    "pass-finetune_r50_8xb32-20e_imagenets300": [(18.0, 18.1)],
    "pass-finetune_r50_8xb32-20e_imagenets919": [(11.5, 11.0)],
    "knn_r18_imagenets50": [(39.6, 40.4)],
    "knn_r50_imagenets300": [(25.1, 25.2)],
    "knn_r50_imagenets919": [(15.6, 15.6)],
    "fcn_r50-d32_8xb32-100e_imagenets919": [(21.0, 20.3)],
    "fcn_r50-d16_8xb32-100e_imagenets919": [(21.6, 20.8)],
    "fcn_vit-b16-mae_8xb32-100e_imagenets919": [(38.3, 37.0)],
    "fcn_vit-b16-mae-sup_8xb32-100e_imagenets919": [(61.0, 60.2)],
    "fcn_vit-s16-sere_8xb32-100e_imagenets919": [(41.0, 40.2)],
    "fcn_vit-s16-sere-sup_8xb32-100e_imagenets919": [(58.9, 57.8)],
    "fcn_convnext-t_8xb32-100e_imagenets919": [(48.7, 48.8)],
    "fcn_rf-convnext-t-single_8xb32-100e_imagenets919": [(50.7, 50.5)],
    "fcn_rf-convnext-t-multiple_8xb32-100e_imagenets919": [(50.8, 50.5)],
    "fcn_rf-convnext-t-merge_8xb32-100e_imagenets919": [(51.3, 51.1)],
}


def test_index_holds_every_leaf_config_once():
    assert sorted(entry["Config"] for entry in ENTRIES) == sorted(f"configs/{name}" for name in leaf_configs())
    assert all(Path(entry["Config"]).stem == entry["Name"] for entry in ENTRIES)


def test_every_folder_s_metafile_is_in_the_index():
    assert sorted(INDEX) == sorted(path.relative_to(ROOT).as_posix() for path in CONFIGS.glob("*/metafile.yml"))


def test_collections_and_their_pages_exist():
    assert {entry["In Collection"] for entry in ENTRIES} == {collection["Name"] for collection in COLLECTIONS}
    assert all((ROOT / collection["README"]).is_file() for collection in COLLECTIONS)


def authors_figures(other_recipe):
    figures = {}
    for entry in ENTRIES:
        for result in entry.get("Results", ()):
            metrics = result["Metrics"]
            if result["Figures"] == "authors" and ("own recipe" in result.get("Remark", "")) is other_recipe:
                figures.setdefault(entry["Name"], []).append((metrics["mIoU (val)"], metrics["mIoU (test)"]))
    return figures


@pytest.mark.parametrize("page", sorted({Path(entry["Config"]).parent / "README.md" for entry in ENTRIES}), ids=str)
def test_pages_and_metafiles_say_the_same_of_this_project(page):
    rows = [line.split("|") for line in (ROOT / page).read_text().splitlines() if line.endswith("| this project |")]
    shown = {row[1].strip(" `"): float(row[-3].split("/")[0]) for row in rows}
    figures = {
        entry["Name"]: [result["Metrics"]["mIoU (val)"] for result in entry.get("Results", ())] for entry in ENTRIES
    }
    for name, value in shown.items():
        assert value in figures[name], name


def test_published_figures():
    assert authors_figures(other_recipe=False) == PUBLISHED
    assert authors_figures(other_recipe=True) == {name: [figures] for name, figures in OTHER_RECIPE.items()}


def test_rows_of_another_recipe_have_weights_of_their_own_or_none():
    rows = [
        (entry, result)
        for entry in ENTRIES
        for result in entry.get("Results", ())
        if "own recipe" in result.get("Remark", "")
    ]
    assert all("Weights" in result and result["Weights"] != entry["Weights"] for entry, result in rows)
    assert [entry["Name"] for entry, result in rows if result["Weights"] is None] == [
        "fcn_vit-s16-sere_8xb32-100e_imagenets919"
    ]


def test_published_thresholds_belong_to_the_centroids():
    thresholds = {entry["Centroids"]: entry["Metadata"]["Threshold"] for entry in ENTRIES if "Centroids" in entry}
    assert thresholds == {
        f"https://github.com/LUSSeg/PASS/releases/download/pass/pass{n}_centroids.npy": threshold
        for n, threshold in THRESHOLDS.items()
    }


@pytest.mark.parametrize("name", leaf_configs())
def test_model_builds_at_full_size(name, tmp_path):
    cfg = Config.fromfile(CONFIGS / name)
    init_default_scope(cfg.default_scope)
    settings = cfg.model.to_dict()
    settings["backbone"]["init_cfg"] = None
    if settings["backbone"].get("structure_file"):
        settings["backbone"]["structure_file"] = str(tmp_path / "structure.json")
        write_structure(tmp_path / "structure.json", depths=(3, 3, 9, 3))
    # mmpretrain's ConvNeXt and Swin read numbers off tensors while they are built, which needs real ones.
    with torch.device("cpu" if settings["backbone"]["type"].endswith(("ConvNeXt", "SwinTransformer")) else "meta"):
        model = MODELS.build(settings)
    if isinstance(model, LUSSSegmentor):
        dataset = cfg.train_dataloader.dataset
        categories = dataset.get("subset") or FOLDER_CATEGORIES[Path(dataset.data_root).name]
        assert model.num_classes == 1 + categories
        assert settings["test_cfg"]["limited_side"] == ("long" if Path(name).name.startswith("fcn_") else "height")
