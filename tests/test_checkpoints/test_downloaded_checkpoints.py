# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import io
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from mmluss.checkpoints import downloaded_checkpoints
from mmluss.checkpoints.downloaded_checkpoints import downloaded_checkpoint
from tests.helpers.file_server import serve

WEIGHTS = dict(a=torch.arange(40000.0))


def saved(checkpoint: object) -> bytes:
    file = io.BytesIO()
    torch.save(checkpoint, file)
    return file.getvalue()


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    """Folder of torch.hub's downloads."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(downloaded_checkpoints, "_SECONDS_BETWEEN_LOOKS", 0.01)
    return tmp_path / "hub" / "checkpoints"


def test_downloaded_once(cache):
    with serve(saved(WEIGHTS), "a-20210831.pth?download=1") as server:
        paths = {downloaded_checkpoint(server.address) for _ in range(2)}
    assert paths == {cache / "a-20210831.pth"} and len(server.requests) == 1
    assert torch.equal(torch.load(*paths, weights_only=True)["a"], WEIGHTS["a"])


def test_downloaded_once_by_many_at_a_time(cache):
    together = threading.Barrier(4)

    def ask(address: str) -> Path:
        together.wait()
        return downloaded_checkpoint(address)

    with serve(saved(WEIGHTS), "a.pth", delay=0.2) as server, ThreadPoolExecutor(4) as pool:
        assert set(pool.map(ask, [server.address] * 4)) == {cache / "a.pth"}
    assert len(server.requests) == 1


def test_goes_on_where_the_connection_broke(cache, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    content = saved(WEIGHTS)
    with serve(content, "a.pth", break_after=[100, 5000]) as server:
        assert downloaded_checkpoint(server.address).read_bytes() == content
    assert server.requests == [None, "bytes=100-", "bytes=5100-"]


@pytest.mark.parametrize("content", [b"<html>Please log in</html>", saved(WEIGHTS)[:-100], saved(None)])
def test_what_is_no_checkpoint_is_not_kept(content, cache):
    with serve(content, "a.pth") as server, pytest.raises(ValueError, match=r"^http://127\.0\.0\.1:\d+/a\.pth: "):
        downloaded_checkpoint(server.address)
    assert list(cache.iterdir()) == []


def test_a_server_that_refuses_is_named(cache):
    with serve(b"", "a.pth", statuses=[404]) as server, pytest.raises(ConnectionError, match=r"/a\.pth: .* 404"):
        downloaded_checkpoint(server.address)
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize("path", ["", "/", "/folder/", "/folder/..", "/?a.pth"])
def test_an_address_without_a_name_is_refused(path):
    with pytest.raises(ValueError, match="names no file"):
        downloaded_checkpoint(f"http://127.0.0.1:9{path}")
