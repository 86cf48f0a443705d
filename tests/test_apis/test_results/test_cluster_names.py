# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import numpy as np
import pytest

from mmluss.apis.results.cluster_names import (
    ClusterNames,
    read_cluster_names,
    read_own_columns,
    read_written_columns,
    write_cluster_names,
)
from mmluss.apis.results.edited_tables import read_edited_table


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "clusters.csv"
    names = ClusterNames(("other", 'a "big" rose, red', "Tülpe; 花", "c3", "c4"), np.array([0, 1, 2, 1, 0]))
    write_cluster_names(path, names, [0, 5, 6, 7, 8], [0.5, 0.2, 0.1, 0.1, 0.1])
    found = read_cluster_names(path, 4)
    assert found.names == names.names
    np.testing.assert_array_equal(found.targets, names.targets)
    assert path.read_text("utf-8-sig").splitlines()[3] == "3,c3,1,,7,0.1000"


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_tables_of_spreadsheets(tmp_path, delimiter):
    path = tmp_path / "clusters.csv"
    rows = [
        ("Name", "ID", "drop", "merge_into"),
        ("rose", "2", "", ""),
        ("", "", "", ""),
        ("mist", "3", "X", ""),
        ("", "1", "0", "2"),
    ]
    path.write_bytes("\r\n".join(delimiter.join(row) for row in rows).encode("utf-8-sig"))
    found = read_cluster_names(path, 4)
    assert found.names == ("other", "cluster 1", "rose", "mist", "cluster 4")
    assert found.targets.tolist() == [0, 2, 2, 0, 4]
    assert found.classes == ("other", "rose", "rose", "other", "cluster 4")


def test_columns_that_people_add_stay(tmp_path):
    path = tmp_path / "clusters.csv"
    path.write_bytes(b'ID;Note 1;name\n2;"seen\rin May";rose\n1;;\n')
    names, own = read_cluster_names(path, 3), read_own_columns(path)
    assert own == {"Note 1": {2: "seen\rin May", 1: ""}}
    write_cluster_names(path, names, [0, 1, 2, 3], [0.0] * 4, own)
    lines = path.read_bytes().decode("utf-8-sig").split("\r\n")
    assert lines[0] == "id,name,merge_into,drop,photos,share,Note 1"
    assert lines[2:] == ['2,rose,,,2,0.0000,"seen\rin May"', "3,cluster 3,,,3,0.0000,", ""]
    assert read_own_columns(path)["Note 1"] == {1: "", 2: "seen\rin May", 3: ""}


def test_merges_are_followed_and_drops_with_them(tmp_path):
    path = tmp_path / "clusters.csv"
    path.write_text("id,merge_into,drop\n1,2,\n2,3,\n4,5,\n5,,yes\n")
    found = read_cluster_names(path, 5)
    assert found.targets.tolist() == [0, 3, 3, 3, 0, 0]
    assert found.palette([[i, i, i] for i in range(6)]) == [[i, i, i] for i in (0, 3, 3, 3, 0, 0)]
    assert found.relabel(np.array([1, 4, 1000, 0], np.int32)).tolist() == [3, 0, 1000, 0]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("", "first line must name the columns"),
        ("number,name\n1,a\n", "first line must name the columns"),
        ("id,name\n0,a\n", "line 2, id: '0' is no cluster; ids are 1 to 3"),
        ("id,name\n1,a\nrose,b\n", "line 3, id: 'rose' is no cluster"),
        ("id,name\n1,a\n1,b\n", "line 3: the id 1 has a line already"),
        ("id,name\n1,a\n2,b,much light\n", "line 3: 'much light' is in a column without a name"),
        ("id,name,Name\n1,a,\n", "two columns are called 'Name'"),
        ("id,merge_into\n1,4\n", "line 2, merge_into: '4' is no cluster"),
        ("id,drop\n1,perhaps\n", "line 2, drop: 'perhaps' is neither yes nor no"),
        ("id,merge_into\n1,2\n2,3\n3,1\n", "merges of cluster 1 go in a circle"),
        ('id,name\n1,"red\nrose"\n', "line 3, name: 'red.nrose' has a line break or another control character"),
        ("id,name\n1,ro\x01se\n", "line 2, name: .* control character; leave it out"),
    ],
)
def test_mistakes_are_named(tmp_path, table, message):
    path = tmp_path / "clusters.csv"
    path.write_text(table)
    with pytest.raises(ValueError, match=message) as error:
        read_cluster_names(path, 3)
    assert str(path) in str(error.value)


def test_merges_into_a_dropped_cluster_are_kept(tmp_path):
    path = tmp_path / "clusters.csv"
    path.write_text("id,name,merge_into,drop,Note\n1,a,,X,n\n2,b,1,\n3,c,2,\n")
    names = read_cluster_names(path, 4)
    assert names.targets.tolist() == [0, 0, 0, 0, 4]
    write_cluster_names(path, names, [0, 1, 2, 3, 4], [0.0] * 5, read_written_columns(path))
    rows = read_edited_table(path).rows
    assert [(row["merge_into"], row["drop"], row["note"]) for _, row in rows] == [
        ("", "X", "n"),
        ("1", "", ""),
        ("2", "", ""),
        ("", "", ""),
    ]
    path.write_text(path.read_text(encoding="utf-8-sig").replace(",X,", ",,"))
    assert read_cluster_names(path, 4).targets.tolist() == [0, 1, 1, 1, 4]
