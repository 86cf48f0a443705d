# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""What training wrote to mmengine's logs, whatever became of the process that wrote them."""

import json
from pathlib import Path
from typing import Any


def training_records(folder: Path) -> list[dict[str, Any]]:
    """Records of all trainings in a work folder, oldest first.

    A process that was killed leaves half a line at the end of its log, which is left out.

    Args:
        folder: Work folder.
    """
    return [record for log in sorted(folder.glob("*/vis_data/scalars.json")) for record in _records(log)]


def _records(log: Path) -> list[dict[str, Any]]:
    records = []
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict):
            records.append(record)
    return records
