# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""CSV tables as people and their spreadsheets leave them."""

import codecs
import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class EditedTable:
    """Rows of a table.

    Attributes:
        header: First line as it is in the file.
        columns: Names of the columns as they are in the file, stripped, without those that have none.
        rows: Number of its line in the file and values of each row that is not empty, stripped, by the name of the
            column in small letters.
        nameless: Number of its line and text of each cell whose column has no name.
    """

    header: str
    columns: tuple[str, ...]
    rows: tuple[tuple[int, dict[str, str]], ...]
    nameless: tuple[tuple[int, str], ...]


def read_edited_table(path: str | Path, otherwise: Literal["cp1252", "surrogateescape"] = "cp1252") -> EditedTable:
    """Read a CSV file with commas, semicolons or tabs, in UTF-8, in UTF-16, or as ``otherwise`` says.

    Args:
        path: The file.
        otherwise: How text that is no UTF-8 is read: in the coding of western spreadsheets, or, where names of files
            need not be text, as those.

    Raises:
        ValueError: If the file is no table, or two columns have one name; the message names the line or the name.
    """
    content = Path(path).read_bytes()
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        text = content.decode("utf-16", errors="replace")
    else:
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = (
                content.decode("cp1252", errors="replace")
                if otherwise == "cp1252"
                else content.decode("utf-8-sig", errors="surrogateescape")
            )
    header = text.partition("\n")[0].rstrip("\r")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=header.count))
    try:
        lines = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader]
    except csv.Error as error:
        raise ValueError(f"{path}, after line {reader.line_num}: no table ({error})") from error
    names = lines[0][1] if lines else []
    keys = [name.lower() for name in names]
    twice = [name for place, name in enumerate(names) if name and keys.index(keys[place]) < place]
    if twice:
        raise ValueError(f"{path}: two columns are called {twice[0]!r}; give one of them another name")
    rows, nameless = [], []
    for line, cells in lines[1:]:
        values = {key: cells[place] if place < len(cells) else "" for place, key in enumerate(keys) if key}
        if any(values.values()):
            rows.append((line, values))
        nameless += [(line, cell) for place, cell in enumerate(cells) if cell and not "".join(keys[place : place + 1])]
    return EditedTable(header, tuple(filter(None, names)), tuple(rows), tuple(nameless))
