# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Large files over HTTP: continued where they broke off, checked, and under their name only when whole."""

import errno
import fcntl
import http.client
import json
import os
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from mmluss.utils.atomic_files import write_json
from mmluss.utils.fingerprints import HashAlgorithm, file_fingerprint

_BLOCK = 1 << 18
# A dash and hex digits before the suffixes: torch.hub's and OpenMMLab's convention for the beginning of a SHA-256.
_HASH_IN_NAME = re.compile(r"-([0-9a-f]{8,64})(?=\.)")
_MD5_DIGITS = 32
_WORTH_ANOTHER_TRY = (408, 425, 429, 500, 502, 503, 504)
_RANGE_NOT_SATISFIABLE = 416
_OF_THE_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES)


@dataclass(frozen=True)
class RemoteState:
    """What a server says of a file, by which a later run knows that it is still the same.

    Args:
        address: Where it is.
        size: Bytes; None if the server does not tell.
        validator: Strong ``ETag`` or ``Last-Modified``; None without either.
    """

    address: str
    size: int | None
    validator: str | None


# torch.hub and mmengine download files, too, but begin again after every interruption, of files of a gigabyte.
def download(
    address: str,
    path: str | Path,
    *,
    check: Callable[[Path], None] | None = None,
    progress: Callable[[int, int | None], None] | None = None,
    attempts: int = 5,
    wait: float = 2.0,
    timeout: float = 30.0,
    named_hash: bool = True,
) -> None:
    """Download a file.

    The bytes go to ``PATH.part``, where a later call continues. Once all are there, their number, the hash in the
    file's name (see ``hash_in_name``) and ``check`` decide whether the file gets its name.

    Args:
        address: ``http`` or ``https``.
        path: The file to write; its folder is made if need be.
        check: Raises ``ValueError`` if the file, given by its temporary name, is not what it should be.
        progress: Told the number of bytes that are there, and that of all or None.
        attempts: How often in a row a connection may fail without a byte.
        wait: Seconds before the second attempt, doubled for each that follows.
        timeout: Seconds without a byte after which a connection counts as failed.
        named_hash: Whether the hash in the name has to be the file's.

    Raises:
        ValueError: If the address is of another kind, or what came is not the file; the bytes are thrown away.
        ConnectionError: If the server cannot be reached or refuses; what came so far is kept.
        OSError: If the disk does not take it.
        BlockingIOError: If another process is downloading the same file.
    """
    if not address.startswith(("http://", "https://")):
        raise ValueError(f"{address} is no address of a file: it should begin with https:// or http://.")
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part, notes = path.with_name(f"{path.name}.part"), path.with_name(f"{path.name}.part.json")
    with _locked(part) as file:
        failures, furthest = 0, _length(file)
        while True:
            try:
                state = _continue(address, file, notes, progress, timeout)
                break
            except (OSError, http.client.HTTPException) as error:
                if getattr(error, "errno", None) in _OF_THE_DISK:
                    raise
                length = _length(file)
                failures, furthest = 1 if length > furthest else failures + 1, max(furthest, length)
                if failures >= attempts or not _may_pass(error):
                    kept = f"; {length:,} bytes are in {part}, where the same command continues" if length else ""
                    if not length:
                        part.unlink()
                        notes.unlink(missing_ok=True)
                    raise ConnectionError(f"{address}: {_reason(error)}{kept}") from error
                time.sleep(wait * 2 ** (failures - 1))
        file.flush()
        os.fsync(file.fileno())
        try:
            _check_size(part, state)
            if named_hash:
                _check_hash(part, path.name)
            if check is not None:
                check(part)
        except ValueError as error:
            part.unlink()
            notes.unlink(missing_ok=True)
            raise ValueError(f"{address}: {error}") from error
        os.replace(part, path)
        notes.unlink(missing_ok=True)


def hash_in_name(name: str) -> tuple[HashAlgorithm, str] | None:
    """The hash that a file's name carries before its suffixes: ``("sha256", beginning)`` or ``("md5", all of it)``.

    8 to 64 hex digits after a dash are the beginning of a SHA-256, but 32 are an MD5. None without any.
    """
    found = _HASH_IN_NAME.search(name)
    if found is None:
        return None
    return ("md5" if len(found[1]) == _MD5_DIGITS else "sha256"), found[1]


@contextmanager
def _locked(part: Path) -> Iterator[BinaryIO]:
    with open(part, "ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BlockingIOError(f"{part}: another process is downloading this file") from error
        except OSError:
            # Some network file systems have no locks; that is no reason not to download to them.
            pass
        # Another process may have finished the file, and renamed it, between opening and locking.
        if not part.exists() or not os.path.samestat(os.fstat(file.fileno()), os.stat(part)):
            raise BlockingIOError(f"{part}: another process has just downloaded this file")
        yield file


def _continue(
    address: str,
    file: BinaryIO,
    notes: Path,
    progress: Callable[[int, int | None], None] | None,
    timeout: float,
) -> RemoteState:
    """Append what is missing, from the beginning where the server's file is another now."""
    known = _read_notes(notes, address)
    start = 0 if known is None else _length(file)
    if known is not None and start == known.size:
        return known
    headers = {"Accept-Encoding": "identity", "User-Agent": "mmluss"}
    if start:
        headers["Range"] = f"bytes={start}-"
        if known is not None and known.validator is not None:
            headers["If-Range"] = known.validator
    try:
        response = urllib.request.urlopen(urllib.request.Request(address, headers=headers), timeout=timeout)
    except urllib.error.HTTPError as error:
        if error.code == _RANGE_NOT_SATISFIABLE:
            _begin_again(file, notes)
        raise
    with response:
        state, continues = _state(address, response, start)
        if continues and known is not None and known.size != state.size:
            _begin_again(file, notes)
        if not continues:
            file.truncate(0)
            start = 0
        write_json(notes, asdict(state))
        while block := response.read(_BLOCK):
            file.write(block)
            start += len(block)
            if progress is not None:
                progress(start, state.size)
    if state.size is not None and start < state.size:
        raise ConnectionResetError(f"the connection broke after {start:,} of {state.size:,} bytes")
    return state


def _begin_again(file: BinaryIO, notes: Path) -> NoReturn:
    file.truncate(0)
    notes.unlink(missing_ok=True)
    raise ConnectionResetError("the server's file is another than it was, and has to be downloaded from its beginning")


def _length(file: BinaryIO) -> int:
    file.flush()
    return os.fstat(file.fileno()).st_size


def _state(address: str, response: Any, start: int) -> tuple[RemoteState, bool]:
    """What a response says of the file, and whether it goes on at byte ``start``."""
    headers = response.headers
    tag = headers.get("ETag")
    validator = tag if tag and not tag.startswith("W/") else headers.get("Last-Modified")
    found = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", headers.get("Content-Range", ""))
    if start and response.status == http.client.PARTIAL_CONTENT and found and int(found[1]) == start:
        return RemoteState(address, int(found[2]), validator), True
    length = headers.get("Content-Length")
    return RemoteState(address, int(length) if length else None, validator), False


def _read_notes(notes: Path, address: str) -> RemoteState | None:
    try:
        state = RemoteState(**json.loads(notes.read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return state if state.address == address else None


def _may_pass(error: Exception) -> bool:
    """Whether another attempt may end better."""
    return error.code in _WORTH_ANOTHER_TRY if isinstance(error, urllib.error.HTTPError) else True


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"the server answered {error.code} {error.reason}"
    return str(error.reason if isinstance(error, urllib.error.URLError) else error) or type(error).__name__


def _check_size(part: Path, state: RemoteState) -> None:
    size = part.stat().st_size
    if state.size is not None and size != state.size:
        raise ValueError(f"{size:,} bytes came where the server announced {state.size:,}")


def _check_hash(part: Path, name: str) -> None:
    named = hash_in_name(name)
    if named is None:
        return
    algorithm, expected = named
    computed = file_fingerprint(part, algorithm)
    if not computed.startswith(expected):
        raise ValueError(f"its {algorithm} is {computed}, which {name} says should begin with {expected}")
