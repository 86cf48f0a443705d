# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import errno
import fcntl
import hashlib
import random

import pytest

from mmluss.utils import downloads
from mmluss.utils.downloads import download, hash_in_name
from tests.helpers.file_server import serve

CONTENT = random.Random(0).randbytes(1_000_003)
OTHER = random.Random(1).randbytes(900_001)
SHA256, MD5 = hashlib.sha256(CONTENT).hexdigest(), hashlib.md5(CONTENT).hexdigest()


def fetch(server, path, **settings):
    download(server.address, path, wait=0.0, **settings)


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def test_whole_file_and_progress(tmp_path):
    told = []
    with serve(CONTENT) as server:
        fetch(server, tmp_path / "new" / "a.bin", progress=lambda *numbers: told.append(numbers))
    assert (tmp_path / "new" / "a.bin").read_bytes() == CONTENT
    assert files(tmp_path / "new") == ["a.bin"]
    assert told[-1] == (len(CONTENT), len(CONTENT)) and told == sorted(told)


@pytest.mark.parametrize("tag", ['"one"', None, 'W/"weak"'])
def test_broken_connection_is_continued_in_the_same_call(tmp_path, tag):
    with serve(CONTENT, break_after=[300_000, 400_000], tag=tag) as server:
        fetch(server, tmp_path / "a.bin")
        assert server.requests == [None, "bytes=300000-", "bytes=700000-"]
    assert (tmp_path / "a.bin").read_bytes() == CONTENT
    assert files(tmp_path) == ["a.bin"]


def test_broken_connection_is_continued_by_the_next_call(tmp_path):
    with serve(CONTENT, break_after=[300_000]) as server:
        with pytest.raises(ConnectionError, match=r"broke after 300,000 of 1,000,003 bytes; 300,000 bytes are in"):
            fetch(server, tmp_path / "a.bin", attempts=1)
        assert files(tmp_path) == ["a.bin.part", "a.bin.part.json"]
        fetch(server, tmp_path / "a.bin")
        assert server.requests == [None, "bytes=300000-"]
    assert (tmp_path / "a.bin").read_bytes() == CONTENT


def test_all_bytes_there_need_no_second_request(tmp_path):
    with serve(CONTENT) as server:
        with pytest.raises(KeyboardInterrupt):
            fetch(server, tmp_path / "a.bin", check=lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
        fetch(server, tmp_path / "a.bin")
        assert server.requests == [None]
    assert (tmp_path / "a.bin").read_bytes() == CONTENT


@pytest.mark.parametrize("tag", ['"two"', None])
@pytest.mark.parametrize("content", [OTHER, OTHER[:100]])
def test_a_file_that_changed_meanwhile_begins_again(tmp_path, tag, content):
    with serve(CONTENT, break_after=[300_000], tag=tag) as server:
        with pytest.raises(ConnectionError):
            fetch(server, tmp_path / "a.bin", attempts=1)
        server.content = content
        server.tag = tag and '"three"'
        fetch(server, tmp_path / "a.bin")
    assert (tmp_path / "a.bin").read_bytes() == content


def test_part_of_another_address_is_not_continued(tmp_path):
    with serve(CONTENT, break_after=[300_000]) as server, pytest.raises(ConnectionError):
        fetch(server, tmp_path / "a.bin", attempts=1)
    with serve(OTHER) as server:
        fetch(server, tmp_path / "a.bin")
        assert server.requests == [None]
    assert (tmp_path / "a.bin").read_bytes() == OTHER


@pytest.mark.parametrize("notes", [None, "half-writ", '{"address": 1}'])
def test_part_of_unknown_origin_is_not_continued(tmp_path, notes):
    (tmp_path / "a.bin.part").write_bytes(b"?" * 1000)
    if notes is not None:
        (tmp_path / "a.bin.part.json").write_text(notes)
    with serve(CONTENT) as server:
        fetch(server, tmp_path / "a.bin")
        assert server.requests == [None]
    assert (tmp_path / "a.bin").read_bytes() == CONTENT


def test_server_without_ranges_begins_again(tmp_path):
    with serve(CONTENT, ranges=False, break_after=[300_000]) as server:
        fetch(server, tmp_path / "a.bin")
        assert server.requests == [None, "bytes=300000-"]
    assert (tmp_path / "a.bin").read_bytes() == CONTENT


def test_server_that_announces_no_length(tmp_path):
    with serve(CONTENT, announced=0) as server:
        fetch(server, tmp_path / "a.bin")
    assert (tmp_path / "a.bin").read_bytes() == CONTENT


def test_wrong_size_never_gets_the_name(tmp_path):
    with serve(CONTENT, announced=len(CONTENT) + 5) as server:
        with pytest.raises(ConnectionError, match=r"127\.0\.0\.1"):
            fetch(server, tmp_path / "a.bin", attempts=3)
        assert len(server.requests) < 9
    assert "a.bin" not in files(tmp_path)


def test_more_bytes_in_the_part_than_announced_are_thrown_away(tmp_path):
    with serve(CONTENT, break_after=[300_000]) as server:
        with pytest.raises(ConnectionError):
            fetch(server, tmp_path / "a.bin", attempts=1)
        with open(tmp_path / "a.bin.part", "ab") as file:
            file.write(b"?" * len(CONTENT))
        fetch(server, tmp_path / "a.bin")
    assert (tmp_path / "a.bin").read_bytes() == CONTENT


@pytest.mark.parametrize("name", [f"a-{SHA256[:8]}.pth.tar", f"a-{SHA256}.pth", f"a-{MD5}.zip"])
def test_right_hash_in_the_name(tmp_path, name):
    with serve(CONTENT) as server:
        fetch(server, tmp_path / name)
    assert (tmp_path / name).read_bytes() == CONTENT


@pytest.mark.parametrize(("name", "algorithm"), [("a-01234567.pth", "sha256"), (f"a-{'0' * 32}.zip", "md5")])
def test_wrong_hash_is_refused(tmp_path, name, algorithm):
    with serve(CONTENT) as server:
        with pytest.raises(ValueError, match=rf"its {algorithm} is [0-9a-f]+, which {name} says should begin with 0"):
            fetch(server, tmp_path / name)
        assert files(tmp_path) == []
        fetch(server, tmp_path / name, named_hash=False)
    assert (tmp_path / name).read_bytes() == CONTENT


def test_what_the_check_refuses_is_thrown_away(tmp_path):
    def check(part):
        assert part.read_bytes() == CONTENT
        raise ValueError("not this one")

    with serve(CONTENT) as server, pytest.raises(ValueError, match=r"http.*: not this one"):
        fetch(server, tmp_path / "a.bin", check=check)
    assert files(tmp_path) == []


def test_busy_server_is_asked_again(tmp_path):
    with serve(CONTENT, statuses=[503, 429]) as server:
        fetch(server, tmp_path / "a.bin")
        assert len(server.requests) == 3
    assert (tmp_path / "a.bin").read_bytes() == CONTENT


def test_missing_file_is_not_asked_for_again(tmp_path):
    with serve(CONTENT, statuses=[404]) as server:
        with pytest.raises(ConnectionError, match=r"the server answered 404 Not Found$"):
            fetch(server, tmp_path / "a.bin")
        assert len(server.requests) == 1
    assert files(tmp_path) == []


def test_attempts_and_waits(tmp_path, monkeypatch):
    waits = []
    monkeypatch.setattr(downloads.time, "sleep", waits.append)
    with serve(CONTENT, statuses=[503] * 9) as server:
        with pytest.raises(ConnectionError, match="503"):
            download(server.address, tmp_path / "a.bin", attempts=4, wait=3.0)
        assert len(server.requests) == 4
    assert waits == [3.0, 6.0, 12.0]


def test_no_server(tmp_path):
    with serve(CONTENT) as server:
        pass
    with pytest.raises(ConnectionError, match="refused"):
        fetch(server, tmp_path / "a.bin", attempts=2)
    assert files(tmp_path) == []


def test_full_disk_is_no_matter_of_the_network(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(downloads, "_continue", full)
    with pytest.raises(OSError, match="No space left"):
        download("http://127.0.0.1/a.bin", tmp_path / "a.bin")


def test_two_processes_do_not_write_the_same_file(tmp_path):
    with open(tmp_path / "a.bin.part", "wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with serve(CONTENT) as server, pytest.raises(BlockingIOError, match=r"a\.bin\.part: another process"):
            fetch(server, tmp_path / "a.bin")


def test_a_file_that_another_process_finishes_meanwhile_stays(tmp_path, monkeypatch):
    part = tmp_path / "a.bin.part"
    part.write_bytes(b"all of it")
    monkeypatch.setattr(downloads.fcntl, "flock", lambda *_: part.replace(tmp_path / "a.bin"))
    with pytest.raises(BlockingIOError, match="another process has just downloaded this file"):
        download("http://127.0.0.1/a.bin", tmp_path / "a.bin")
    assert (tmp_path / "a.bin").read_bytes() == b"all of it"


@pytest.mark.parametrize("address", ["file:///etc/passwd", "ftp://e.org/a", "a.bin"])
def test_only_the_web(tmp_path, address):
    with pytest.raises(ValueError, match="no address of a file"):
        download(address, tmp_path / "a.bin")
    assert files(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("swin_tiny_224_b16x64_300e_imagenet_20210616_090925-66df6be6.pth", ("sha256", "66df6be6")),
        ("ImageNetS50-a0fe9d82231f9bc4787ee76e304dfa51.zip", ("md5", "a0fe9d82231f9bc4787ee76e304dfa51")),
        ("imagenets_sup_rfconvnext-rfsearch_p4.pth", None),
        ("vit-s-300ep.pth.tar", None),
        ("pass50_pretrained.pth.tar", None),
        ("a-1234567.pth", None),
    ],
)
def test_hash_in_name(name, expected):
    assert hash_in_name(name) == expected
