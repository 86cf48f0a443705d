# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""An environment for other processes in which every connection to elsewhere is refused and written down."""

import os
import sys
from pathlib import Path

# Python runs this before anything else in a process and in all that it starts.
GUARD = """
import os
import socket

_HERE = ("localhost", "127.0.0.1", "::1", "0.0.0.0", "::", "", None, socket.gethostname())


def _refuse(what):
    with open(os.environ["MMLUSS_TEST_CONNECTIONS"], "a") as file:
        file.write(f"{what}\\n")
    raise OSError(f"no network: {what}")


def _guarded(function, place=0):
    def call(self, *arguments):
        address = arguments[place]
        if self.family != socket.AF_UNIX and address[0] not in _HERE:
            _refuse(f"connection to {address}")
        return function(self, *arguments)

    return call


def _lookup(function):
    def call(host, *arguments, **options):
        if (host.decode() if isinstance(host, bytes) else host) not in _HERE:
            _refuse(f"look-up of {host}")
        return function(host, *arguments, **options)

    return call


socket.socket.connect = _guarded(socket.socket.connect)
socket.socket.connect_ex = _guarded(socket.socket.connect_ex)
socket.socket.sendto = _guarded(socket.socket.sendto, place=-1)
socket.getaddrinfo = _lookup(socket.getaddrinfo)
socket.gethostbyname = _lookup(socket.gethostbyname)
"""
# Settings of whoever runs the tests that would keep libraries quiet.
QUIET = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "NO_ALBUMENTATIONS_UPDATE", "HF_DATASETS_OFFLINE")


def guarded_environment(folder: Path) -> dict[str, str]:
    """Environment of a process that is to be watched.

    Args:
        folder: Where the guard and what it writes down are put.
    """
    (folder / "guard").mkdir(parents=True, exist_ok=True)
    (folder / "guard" / "sitecustomize.py").write_text(GUARD)
    kept = {name: value for name, value in os.environ.items() if name not in QUIET}
    return kept | dict(
        PYTHONPATH=os.pathsep.join([str(folder / "guard"), *sys.path]),
        MMLUSS_TEST_CONNECTIONS=str(folder / "connections.txt"),
    )


def refused_connections(folder: Path) -> list[str]:
    """What processes in the environment of ``guarded_environment`` tried."""
    log = folder / "connections.txt"
    return log.read_text().splitlines() if log.is_file() else []
