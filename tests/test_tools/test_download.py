# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import hashlib
import importlib.util
import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch
import yaml

from mmluss.datasets.mask_archives import MASK_ARCHIVES, MASK_ARCHIVES_ADDRESS
from tests.helpers.file_server import serve
from tests.test_checkpoints.published_networks import FineTuned, Pretrained, as_file

ROOT = Path(__file__).resolve().parents[2]
TOOL = ROOT / "tools" / "misc" / "download.py"
_spec = importlib.util.spec_from_file_location("download_tool", TOOL)
tool = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(tool)

NAME = "pass50_finetuning.pth.tar"


def stored(network) -> bytes:
    torch.manual_seed(0)
    buffer = io.BytesIO()
    torch.save(as_file(network), buffer)
    return buffer.getvalue()


CHECKPOINT = stored(FineTuned())


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_checkpoint_by_address(capsys):
    with serve(CHECKPOINT, NAME) as server:
        assert tool.main([server.address]) == 0
        assert tool.main([server.address]) == 0
        assert len(server.requests) == 1
    assert Path("checkpoints", NAME).read_bytes() == CHECKPOINT
    printed = "".join(capsys.readouterr().out.split())
    assert "was there".replace(" ", "") in printed and hashlib.sha256(CHECKPOINT).hexdigest()[:8] in printed


def test_folder_of_ones_own():
    with serve(CHECKPOINT, NAME) as server:
        assert tool.main([server.address, "--out", "elsewhere/deep"]) == 0
    assert os.listdir("elsewhere/deep") == [NAME]


def test_config_and_file_name(tmp_path, monkeypatch):
    with serve(CHECKPOINT, NAME) as server:
        result = dict(Dataset="ImageNet-S-50", Metrics={"mIoU (val)": 1.0}, Figures="authors")
        models = [
            dict(Name="net_a", Config="configs/net_a.py", Results=[result], Weights=server.address),
            dict(Name="net_b", Config="configs/net_b.py", Pretrained=server.address),
        ]
        Path("metafile.yml").write_text(yaml.safe_dump(dict(Models=models)))
        Path("model-index.yml").write_text(yaml.safe_dump(dict(Import=["metafile.yml"])))
        monkeypatch.setattr(tool, "ROOT", tmp_path)
        for number, arguments in enumerate((["net_a"], ["configs/net_a.py"], [NAME], ["net_b", "--start"])):
            assert tool.main([*arguments, "--out", str(number)]) == 0
            assert Path(str(number), NAME).read_bytes() == CHECKPOINT
        assert tool.main(["net_b", "--out", "none"]) == 1


def test_interrupted_download_is_continued(capsys):
    with serve(CHECKPOINT, NAME, break_after=[10_000]) as server:
        assert tool.main([server.address, "--attempts", "1"]) == 1
        assert "where the same command continues" in capsys.readouterr().out
        assert sorted(os.listdir("checkpoints")) == [f"{NAME}.part", f"{NAME}.part.json"]
        assert tool.main([server.address, "--attempts", "1"]) == 0
        assert server.requests == [None, "bytes=10000-"]
    assert os.listdir("checkpoints") == [NAME]
    assert Path("checkpoints", NAME).read_bytes() == CHECKPOINT


def test_silent_server_is_given_up(capsys):
    with serve(CHECKPOINT, NAME, delay=1.0) as server:
        assert tool.main([server.address, "--attempts", "1", "--timeout", "0.1"]) == 1
    assert "timed out" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (stored(Pretrained()), "what came is a published PASS pretraining checkpoint"),
        (b"<html>Not here, log in", "no such file"),
        (CHECKPOINT[:-1000], "cannot be read as weights"),
    ],
)
def test_no_such_checkpoint(content, message, capsys):
    with serve(content, NAME) as server:
        assert tool.main([server.address]) == 1
    assert message in capsys.readouterr().out
    assert os.listdir("checkpoints") == []


def test_other_file_in_its_place_stays(capsys):
    Path("checkpoints").mkdir()
    Path("checkpoints", NAME).write_bytes(b"mine")
    with serve(CHECKPOINT, NAME) as server:
        assert tool.main([server.address]) == 1
        assert server.requests == []
    assert "is there already, and is not this file" in capsys.readouterr().out
    assert Path("checkpoints", NAME).read_bytes() == b"mine"


def test_hash_in_the_name(capsys):
    with serve(CHECKPOINT, "mine-00000000.pth") as server:
        assert tool.main([server.address]) == 1
        assert "says should begin with 00000000" in capsys.readouterr().out
        assert tool.main([server.address, "--ignore-hash"]) == 0
    assert os.listdir("checkpoints") == ["mine-00000000.pth"]


def test_the_others_come_though_one_fails():
    with serve(CHECKPOINT, NAME) as server, serve(b"no", "pass300_finetuning.pth.tar") as bad:
        assert tool.main([bad.address, server.address]) == 1
    assert os.listdir("checkpoints") == [NAME]


def test_masks_go_to_the_folder_of_data(monkeypatch):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("ImageNetS50/validation-segmentation/a/b.png", b"")
    name = MASK_ARCHIVES[50]
    with serve(buffer.getvalue(), name) as server:
        fetched = tool.download
        monkeypatch.setattr(tool, "download", lambda _, *a, **k: fetched(server.address, *a, **k))
        assert tool.main([MASK_ARCHIVES_ADDRESS + name]) == 1
        assert tool.main([name, "--ignore-hash"]) == 0
    assert os.listdir("data") == [name]


def test_list_names_every_file_address_and_config(capsys):
    assert tool.main(["--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert f"{NAME}: trained model" in lines
    assert "    https://github.com/LUSSeg/PASS/releases/download/pass/pass50_finetuning.pth.tar" in lines
    assert "    pass-finetune_r18_8xb32-20e_imagenets50" in lines
    assert f"{MASK_ARCHIVES[919]}: masks" in lines


def test_unknown_name(capsys):
    assert tool.main(["pass50_finetuning"]) == 1
    assert "do you mean" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        tool.main([])


@pytest.mark.slow
def test_on_the_command_line(tmp_path):
    with serve(CHECKPOINT, NAME) as server:
        command = [sys.executable, "-W", "ignore", TOOL, server.address]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "checkpoints" / NAME).is_file()
