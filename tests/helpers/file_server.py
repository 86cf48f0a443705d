# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""A server of one file on this machine that can do everything wrong that servers and networks do."""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class FileServer:
    """What the server does; may be changed between requests.

    Args:
        content: The file.
        ranges: Whether it can send a part.
        break_after: Bytes of each answer after which the connection breaks, answer by answer; None or past the list for
            never.
        announced: Length that it announces instead of the file's; 0 for none at all.
        tag: Its ``ETag``.
        delay: Seconds that it lets pass before each answer.
        statuses: Status of each answer instead of the file, answer by answer.
        address: Where it listens.
        requests: Header ``Range`` of each request so far.
    """

    content: bytes
    ranges: bool = True
    break_after: list[int | None] = field(default_factory=list)
    announced: int | None = None
    tag: str | None = '"one"'
    delay: float = 0.0
    statuses: list[int] = field(default_factory=list)
    address: str = ""
    requests: list[str | None] = field(default_factory=list)

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        wanted = handler.headers.get("Range")
        self.requests.append(wanted)
        if self.delay:
            time.sleep(self.delay)
        if self.statuses:
            handler.send_error(self.statuses.pop(0))
            return
        condition = handler.headers.get("If-Range")
        start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1]) if wanted and self.ranges else 0
        if condition is not None and condition != self.tag:
            start = 0
        if start >= len(self.content) and start:
            handler.send_error(416)
            return
        body = self.content[start:]
        handler.send_response(206 if start else 200)
        if start:
            handler.send_header("Content-Range", f"bytes {start}-{len(self.content) - 1}/{len(self.content)}")
        if self.announced != 0:
            handler.send_header("Content-Length", str(self.announced or len(body)))
        if self.tag is not None:
            handler.send_header("ETag", self.tag)
        handler.end_headers()
        with suppress(BrokenPipeError, ConnectionResetError):
            handler.wfile.write(body[: self.break_after.pop(0) if self.break_after else None])


@contextmanager
def serve(content: bytes, name: str = "file.bin", **settings: object) -> Iterator[FileServer]:
    """A running server of a file; its ``address`` ends in a name."""
    server = FileServer(content, **settings)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.answer(self)

        def log_message(self, *_: object) -> None:
            """Be silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever, kwargs=dict(poll_interval=0.01), daemon=True)
        thread.start()
        server.address = f"http://127.0.0.1:{listening.server_port}/{name}"
        try:
            yield server
        finally:
            listening.shutdown()
            thread.join()
