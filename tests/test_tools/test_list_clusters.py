# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import importlib.util
from pathlib import Path

import numpy as np

from mmluss.datasets.label_codec import write_label_map

TOOL = Path(__file__).resolve().parents[2] / "tools" / "analysis_tools" / "list_clusters.py"
_spec = importlib.util.spec_from_file_location("list_clusters", TOOL)
list_clusters = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(list_clusters)


def test_tool_writes_and_refuses(tmp_path: Path, capsys) -> None:
    write_label_map(tmp_path / "labels" / "n1" / "a.png", np.full((4, 4), 2))
    assert list_clusters.main([str(tmp_path / "labels"), str(tmp_path / "list.csv")]) == 0
    assert (tmp_path / "list.csv").read_text().splitlines()[1] == "n1/a,2,1.0000,1.0000"
    assert "clusters of 1 images" in capsys.readouterr().out
    assert list_clusters.main([str(tmp_path / "none"), str(tmp_path / "other.csv")]) == 1
    assert "nothing was written: " in capsys.readouterr().err
