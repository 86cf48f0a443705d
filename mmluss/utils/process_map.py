# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""A function on many items, in several processes."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_all_start_methods, get_context
from multiprocessing.context import BaseContext
from typing import TypeVar

import cv2

Item = TypeVar("Item")
Result = TypeVar("Result")


def process_map(
    function: Callable[[Item], Result], items: Sequence[Item], processes: int, chunk: int = 1
) -> Iterator[Result]:
    """Results of a function, in order.

    Args:
        function: Of a module, or a ``partial`` of one.
        items: What it is called with.
        processes: How many work at once, with one thread of OpenCV each; none are started for 0 or 1.
        chunk: Items that a process is given at once.
    """
    if processes <= 1:
        yield from map(function, items)
        return
    # A fork of this process would inherit locks of threads that it has not, and could wait for OpenCV's or OpenMP's
    # forever; one of a server that has imported the function, and computes nothing, need not import it again.
    if "forkserver" in get_all_start_methods():
        context: BaseContext = get_context("forkserver")
        module = getattr(function, "func", function).__module__
        context.set_forkserver_preload(["mmluss", module])
    else:
        context = get_context("spawn")
    with ProcessPoolExecutor(processes, context, initializer=cv2.setNumThreads, initargs=(1,)) as pool:
        yield from pool.map(function, items, chunksize=chunk)
