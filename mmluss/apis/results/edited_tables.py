# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""CSV tables as people and their spreadsheets leave them."""

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class EditedTable:
    """Rows of a table.

    Attributes:
        header: First line as it is in the file.
        columns: Names of the columns as they are in the file, without those that have none.
        rows: Number of its line in the file and values of each row that is not empty, stripped, by the name of the
            column in small letters.
    """

    header: str
    columns: tuple[str, ...]
    rows: tuple[tuple[int, dict[str, str]], ...]


def read_edited_table(path: str | Path, otherwise: Literal["cp1252", "surrogateescape"] = "cp1252") -> EditedTable:
    """Read a CSV file with commas, semicolons or tabs, in UTF-8, in UTF-16, or as ``otherwise`` says.

    Args:
        path: The file.
        otherwise: How text that is no UTF-8 is read: in the coding of western spreadsheets, or, where names of files
            need not be text, as those.

    Raises:
        ValueError: If the file is no table; the message names the line.
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
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=header.count))
    try:
        columns = tuple(name for name in reader.fieldnames or () if name and name.strip())
        return EditedTable(header, columns, tuple(_filled(reader, columns)))
    except csv.Error as error:
        raise ValueError(f"{path}, after line {reader.line_num}: no table ({error})") from error


def _filled(reader: csv.DictReader, columns: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    for row in reader:
        values = {column.strip().lower(): (row[column] or "").strip() for column in columns}
        if any(values.values()):
            yield reader.line_num, values
