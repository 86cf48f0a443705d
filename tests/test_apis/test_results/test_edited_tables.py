# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import pytest

from mmluss.apis.results.edited_tables import read_edited_table

TEXT = "id,Name , ,note\r\n2,Röschen, ,x\r\n,,,\r\n3,„Tulpe“,,\r\n"


@pytest.mark.parametrize("coding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_letters_survive_whatever_a_spreadsheet_saves(tmp_path, coding, delimiter):
    path = tmp_path / "table.csv"
    path.write_bytes(TEXT.replace(",", delimiter).encode(coding))
    table = read_edited_table(path)
    assert table.columns == ("id", "Name", "note")
    assert table.header == "id,Name , ,note".replace(",", delimiter)
    assert table.rows == (
        (2, {"id": "2", "name": "Röschen", "note": "x"}),
        (4, {"id": "3", "name": "„Tulpe“", "note": ""}),
    )


def test_names_of_files_need_not_be_text(tmp_path):
    path = tmp_path / "table.csv"
    path.write_bytes("path,reason\nTür.txt,no photo\n".encode() + b"tr\xe4um.jpg,empty\n")
    rows = [values for _, values in read_edited_table(path, "surrogateescape").rows]
    assert [row["path"] for row in rows] == ["Tür.txt", "tr\udce4um.jpg"]


def test_columns_of_one_name_are_refused_and_those_without_one_are_told_of(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("id,Note,note \n1,first,second\n")
    with pytest.raises(ValueError, match=r"table\.csv: two columns are called 'note'"):
        read_edited_table(path)
    path.write_text("id,,name\n1,,rose,red\n2,thorns\n")
    table = read_edited_table(path)
    assert table.nameless == ((2, "red"), (3, "thorns"))
    assert [values for _, values in table.rows] == [dict(id="1", name="rose"), dict(id="2", name="")]


def test_what_is_no_table_is_named(tmp_path):
    path = tmp_path / "table.csv"
    path.write_bytes(b"id,name\n1," + b"a" * 200_000 + b"\n")
    with pytest.raises(ValueError, match=r"table\.csv, after line \d: no table \(field larger than field limit"):
        read_edited_table(path)
    path.write_bytes(b"")
    assert read_edited_table(path).rows == ()
