# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Ports for processes that meet."""

import os
import socket
from collections.abc import Iterator
from itertools import cycle

_RANGE = 500


def _ports_of_this_worker() -> Iterator[int]:
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    # Below those that the system gives to outgoing connections, and a range for each worker of pytest.
    first = 20_000 + _RANGE * (int(worker) % 20)
    return cycle(range(first, first + _RANGE))


_PORTS = _ports_of_this_worker()


def unused_port() -> int:
    """A port that nothing uses, and that no other worker of pytest is given.

    One that the system picks may be taken again, by a test in another process, before it is used.
    """
    for port in _PORTS:
        with socket.socket() as opened:
            # As the store does, which takes a port whose last connections are still closing.
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                opened.bind(("", port))
            except OSError:
                continue
            return port
    raise AssertionError("an endless cycle has ended")
