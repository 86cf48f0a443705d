# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import math
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS, TRANSFORMS

from mmluss.checkpoints.stored_config import registered_parts_only, stored_config
from tests.helpers.small_runs import CONFIGS, leaf_configs

VALUES = dict(
    numbers=[0, -1, 1e-05, -2.5, True, None, math.inf, -math.inf],
    texts=("it's", 'a "b"', "\\ \n é", "", "{{ fileDirname }}", "{{$HOME:}}"),
    empty=[[], (), {}],
    one=(1,),
    nested=[dict(type="A", parts=[(1, (2, [3]))]), [{}]],
    keys={"a.b": dict(lr=1), 3: {"c-d": {"e f": ()}}, "plain": [{"g h": -1}]},
    dtype="float16",
)


@pytest.mark.parametrize("name", leaf_configs())
def test_every_config_of_the_zoo(name):
    settings = Config.fromfile(CONFIGS / name).to_dict()
    text = Config(settings, format_python_code=False).pretty_text
    assert stored_config(text, "last.pth").to_dict() == settings


@pytest.mark.parametrize("formatted", [True, False])
def test_every_value_that_mmengine_writes(formatted):
    text = Config(VALUES, format_python_code=formatted).pretty_text
    assert stored_config(text, "last.pth").to_dict() == VALUES


def test_no_number():
    assert math.isnan(stored_config(Config(dict(loss=math.nan)).pretty_text, "last.pth").loss)


@pytest.mark.parametrize(
    "code",
    [
        "import os",
        "from os import system as dict",
        "a = __import__('os').system('true')",
        "a = open('b')",
        "a = exec('b')",
        "a = dict(b=print())",
        "a = [print()]",
        "a = (1, print())",
        "a = {print(): 1}",
        "a = {1: print()}",
        "a = {**dict(b=1)}",
        "a = dict(**dict(b=1))",
        "a = dict([('b', 1)])",
        "a = f'{print()}'",
        "a = [b for b in ()]",
        "a = lambda: 1",
        "a = 1 + 1",
        "a = b",
        "a = -print()",
        "a = -'b'",
        "a.b = 1",
        "a = b = 1",
        "a += 1",
        "a: int = 1",
        "print()",
        "def a(): pass",
        "class A: pass",
        "if 1: a = 1",
        "a = (",
        "a = {[]: 1}",
        "a = 1\0",
        "filename = 'a'",
        "a = " + "-" * 100000 + "1",
        "a = dict(dtype='float if print() else 1')",
        "a = {'dtype': 'float if print() else 1'}",
        "a = dict(type='mmpretrain.AutoModel', trust_remote_code=True)",
    ],
    ids=lambda code: code[:40],
)
def test_anything_else_is_refused(code, capsys):
    with pytest.raises(ValueError, match=r"^evil\.pth: the config in this checkpoint is not plain data \("):
        stored_config(f"model = dict(type='A')\n{code}\n", "evil.pth")
    assert capsys.readouterr().out == ""


def test_what_is_no_data_is_shown():
    with pytest.raises(ValueError, match=r"\(line 2: os\.system\('true'\)\)"):
        stored_config("a = 1\nb = dict(c=os.system('true'))", "evil.pth")


def test_registered_parts_are_built():
    with registered_parts_only("last.pth"):
        assert MODELS.build(dict(type="mmpretrain.LinearClsHead", num_classes=2, in_channels=3)).num_classes == 2
        assert TRANSFORMS.build(dict(type="mmpretrain.ResizeEdge", scale=8)).scale == 8


@pytest.mark.parametrize("default_scope", ["mmseg", "mmpretrain"])
@pytest.mark.parametrize(
    "part",
    [
        dict(type="os.system", command="echo RUN"),
        dict(type="subprocess.run", args=["echo", "RUN"]),
        dict(type="planted"),
        dict(type="planted.Part"),
        dict(type="Part", _scope_="planted"),
    ],
    ids=str,
)
def test_nothing_else_is_built_or_imported(part, default_scope, tmp_path, monkeypatch, capfd):
    init_default_scope(default_scope)
    (tmp_path / "planted").mkdir()
    for name in ("__init__", "registry"):
        (tmp_path / "planted" / f"{name}.py").write_text("print('RUN')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ValueError, match=r"evil\.pth: its config names \S+, which is not registered"):  # noqa: SIM117
        with registered_parts_only("evil.pth"):
            MODELS.build(dict(type="mmseg.EncoderDecoder", backbone=part, decode_head={}))
    assert "RUN" not in capfd.readouterr().out
    # Elsewhere mmengine goes its own way.
    lstm = dict(type="torch.nn.LSTM", input_size=1, hidden_size=1)
    assert isinstance(MODELS.build(lstm), torch.nn.LSTM)


def test_registered_parts_may_be_named_by_their_place():
    init_default_scope("mmseg")
    with registered_parts_only("last.pth"):
        assert MODELS.build(dict(type="mmseg.models.losses.CrossEntropyLoss")).loss_name == "loss_ce"
        with pytest.raises(KeyError):
            MODELS.build(dict(type="mmseg.models.losses.accuracy.accuracy"))


def test_other_threads_are_not_restricted_and_leave_the_restriction():
    init_default_scope("mmseg")

    def build() -> bool:
        with registered_parts_only("other.pth"):
            pass
        return isinstance(MODELS.build(dict(type="torch.nn.LSTM", input_size=1, hidden_size=1)), torch.nn.LSTM)

    with ThreadPoolExecutor(1) as pool, pytest.raises(ValueError, match="evil"), registered_parts_only("evil.pth"):
        assert pool.submit(build).result()
        MODELS.build(dict(type="torch.nn.LSTM", input_size=1, hidden_size=1))


def test_another_missing_key_is_told_as_it_is():
    with pytest.raises(KeyError, match="must contain the key"), registered_parts_only("last.pth"):
        MODELS.build(dict(depth=18))
