# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import importlib.util
from pathlib import Path

import pytest
import yaml

from mmluss.datasets.mask_archives import MASK_ARCHIVES, MASK_ARCHIVES_ADDRESS

TOOL = Path(__file__).resolve().parents[2] / "tools" / "misc" / "make_model_zoo.py"
_spec = importlib.util.spec_from_file_location("make_model_zoo", TOOL)
make_model_zoo = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(make_model_zoo)


def write_index(root: Path, figures: str = "authors") -> None:
    common = {"In Collection": "Some", "Metadata": dict(Backbone="Net", Protocol="free") | {"Training Data": "Photos"}}
    result = dict(Dataset="Photos", Metrics={"mIoU (val)": 1.5, "mIoU (test)": 2.5}, Figures=figures, Remark="paper")
    other = result | dict(Remark="other recipe", Weights="https://e.org/o.pth")
    none = result | dict(Remark="not released", Weights=None)
    models = [
        dict(Name="a", Config="configs/a.py", Results=[result, other, none], Weights="https://e.org/a.pth") | common,
        dict(Name="b", Config="configs/b.py") | common,
        dict(Name="c", Config="configs/c.py", Weights="https://e.org/c.pth", Centroids="https://e.org/c.npy")
        | dict(Pretrained="https://e.org/s.pth")
        | common
        | {"Metadata": common["Metadata"] | {"Threshold": 0.4}},
    ]
    (root / "meta.yml").write_text(yaml.safe_dump(dict(Models=models)))
    (root / "model-index.yml").write_text(yaml.safe_dump(dict(Import=["meta.yml"])))


def test_models_with_and_without_figures(tmp_path):
    write_index(tmp_path)
    text = make_model_zoo.model_zoo(tmp_path)
    row = "| [a](../configs/a.py) | Net | Photos | free | 1.5 | 2.5 | authors (paper) | [file](https://e.org/a.pth) |"
    assert row in text.splitlines()
    assert "| [b](../configs/b.py) | Net | Photos | free | - |" in text.splitlines()


def test_results_may_name_other_weights_or_none(tmp_path):
    write_index(tmp_path)
    lines = make_model_zoo.model_zoo(tmp_path).splitlines()
    row = "| [a](../configs/a.py) | Net | Photos | free | 1.5 | 2.5 |"
    assert f"{row} authors (other recipe) | [file](https://e.org/o.pth) |" in lines
    assert f"{row} authors (not released) | - |" in lines


def test_all_files_of_a_model(tmp_path):
    write_index(tmp_path)
    links = ("[file](https://e.org/c.pth)", "[centroids](https://e.org/c.npy)", "[start](https://e.org/s.pth)")
    row = f"| [c](../configs/c.py) | Net | Photos | free | {', '.join(links)}, threshold 0.40 |"
    assert row in make_model_zoo.model_zoo(tmp_path).splitlines()


def test_archives_of_masks(tmp_path):
    write_index(tmp_path)
    text = make_model_zoo.model_zoo(tmp_path)
    assert all(f"[{name}]({MASK_ARCHIVES_ADDRESS}{name})" in text for name in MASK_ARCHIVES.values())


def test_a_collection_without_figures_has_no_table_of_them(tmp_path):
    write_index(tmp_path)
    metafile = yaml.safe_load((tmp_path / "meta.yml").read_text())
    for model in metafile["Models"]:
        model.pop("Results", None)
    (tmp_path / "meta.yml").write_text(yaml.safe_dump(metafile))
    text = make_model_zoo.model_zoo(tmp_path)
    assert "figures by | weights |" not in text and text.count("](../configs/") == len(metafile["Models"])


def test_figures_of_nobody_are_an_error(tmp_path):
    write_index(tmp_path, "somebody")
    with pytest.raises(ValueError, match="a: Figures must be one of authors, this project"):
        make_model_zoo.model_zoo(tmp_path)


def test_page_is_up_to_date():
    assert make_model_zoo.main(["--check"]) == 0


def test_check_fails_where_the_page_is_old(tmp_path, monkeypatch, capsys):
    write_index(tmp_path)
    (tmp_path / "docs").mkdir()
    monkeypatch.setattr(make_model_zoo, "ROOT", tmp_path)
    assert make_model_zoo.main(["--check"]) == 1
    assert "out of date" in capsys.readouterr().err
    assert make_model_zoo.main([]) == 0
    assert make_model_zoo.main(["--check"]) == 0
