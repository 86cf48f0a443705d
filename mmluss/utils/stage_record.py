# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""What of a long job is done, and what it was made from: results in a record, arrays in files that know their key."""

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from mmengine import dist
from mmengine.logging import MMLogger

from mmluss.utils.atomic_files import replace_file, write_json


class StageRecord:
    """Stages of a job in one JSON file: for each what it is made from, and its result once it is finished.

    All processes must call the methods together; the file is read and written by the first one.

    Args:
        path: The JSON file; it need not exist.

    Raises:
        ValueError: The file is not one that this class wrote.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        shared = [self._read() if dist.is_main_process() else None]
        dist.broadcast_object_list(shared, src=0)
        self._stages: dict[str, dict[str, Any]] = shared[0] or {}

    def _read(self) -> dict[str, dict[str, Any]]:
        if not self.path.is_file():
            return {}
        try:
            stages = json.loads(self.path.read_bytes())
            if all(_is_stage(stage) for stage in stages.values()):
                return stages
        except (ValueError, AttributeError, RecursionError):
            pass
        raise ValueError(f"{self.path} is not a record of finished stages; delete it to start over")

    def result(self, stage: str, inputs: Mapping[str, Any]) -> dict[str, Any] | None:
        """Result of a stage if it is finished and was made from the same things, else None."""
        return self._stages[stage]["result"] if self.begun(stage, inputs) else None

    def begun(self, stage: str, inputs: Mapping[str, Any] | None = None) -> bool:
        """Whether a stage was begun or finished, from these things; None: whatever it is made from."""
        entry = self._stages.get(stage)
        return entry is not None and (inputs is None or entry["inputs"] == _plain(inputs))

    def finished(self, stage: str) -> bool:
        """Whether a stage is finished, whatever it is made from."""
        return self._stages.get(stage, {}).get("result") is not None

    def changed(self, stage: str, inputs: Mapping[str, Any]) -> list[str]:
        """Names of the things that are not what the stage was begun with."""
        before, now = self.inputs(stage), _plain(inputs)
        return sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))

    def inputs(self, stage: str) -> dict[str, Any]:
        """What the stage was begun with; empty if it was not."""
        return self._stages.get(stage, {}).get("inputs", {})

    def notes(self, stage: str) -> dict[str, Any]:
        """What was noted when the stage was begun; empty if it was not."""
        return self._stages.get(stage, {}).get("notes", {})

    def begin(self, stage: str, inputs: Mapping[str, Any], **notes: Any) -> None:
        """Note that a stage begins, before its files are changed; waits for all processes."""
        self._set(stage, dict(inputs=_plain(inputs), result=None, notes=_plain(notes)))

    def finish(self, stage: str, inputs: Mapping[str, Any], result: Mapping[str, Any]) -> None:
        """Note a finished stage, with a result that JSON can hold; waits for all processes."""
        self._set(stage, dict(inputs=_plain(inputs), result=_plain(result), notes=self.notes(stage)))

    def _set(self, stage: str, entry: dict[str, Any]) -> None:
        # Whatever the entry says of the work of all processes must have happened in all of them.
        dist.barrier()
        self._stages[stage] = entry
        if dist.is_main_process():
            write_json(self.path, self._stages)
        dist.barrier()


def _is_stage(stage: object) -> bool:
    return (
        isinstance(stage, dict)
        and isinstance(stage.get("inputs"), dict)
        and isinstance(stage.get("result", 0), dict | None)
        and isinstance(stage.get("notes", {}), dict)
    )


def write_arrays(path: str | Path, key: str, **arrays: np.ndarray) -> None:
    """Write arrays and the key of what they were made from into one file, in one piece.

    Args:
        path: An .npz file; its folder is made if need be.
        key: Fingerprint of all that the arrays depend on.
        **arrays: Arrays by name.
    """
    with replace_file(path) as file:
        contents: dict[str, Any] = dict(arrays, key=np.array(key))
        np.savez(file, **contents)


def read_arrays(path: str | Path, key: str) -> dict[str, np.ndarray] | None:
    """Arrays of a file; None where it is missing, made from something else, or damaged (the last two are logged).

    Args:
        path: An .npz file.
        key: Fingerprint of all that the arrays depend on.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            if str(stored["key"]) == key:
                return {name: stored[name] for name in stored.files if name != "key"}
            reason = "was made from other weights, data or settings"
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        reason = f"cannot be read ({error})"
    MMLogger.get_current_instance().info(f"{path} {reason}; it is made again")
    return None


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """As JSON gives them back, so that tuples and lists compare equal."""
    return json.loads(json.dumps(dict(values)))
