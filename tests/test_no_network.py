# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Importing the package and building the models of all configs opens no outgoing connection.

That whole runs open none is seen to where they are tested: tests/test_cli/test_discover.py.
"""

import json
import subprocess
import sys

import pytest

from tests.helpers.no_network import guarded_environment, refused_connections
from tests.helpers.small_runs import CONFIGS, leaf_configs


@pytest.fixture
def guarded(tmp_path):
    """Run Python where it is watched; gives how it ended, and the connections that it tried."""

    def run(*arguments: object) -> tuple[subprocess.CompletedProcess, list[str]]:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", *map(str, arguments)],
            cwd=tmp_path,
            env=guarded_environment(tmp_path) | dict(HOME=str(tmp_path), OMP_NUM_THREADS="1"),
            capture_output=True,
            text=True,
            timeout=550,
        )
        return done, refused_connections(tmp_path)

    return run


LOOK_UP = "import socket; socket.getaddrinfo('a.invalid', 1)"


@pytest.mark.parametrize(
    ("code", "attempt"),
    [
        ("import urllib.request as r; r.urlopen('http://192.0.2.1/')", "192.0.2.1"),
        ("import socket; socket.create_connection(('192.0.2.1', 443))", "192.0.2.1"),
        (f"import subprocess, sys; subprocess.run([sys.executable, '-c', {LOOK_UP!r}])", "look-up of a.invalid"),
        ("import socket; s = socket.socket(type=socket.SOCK_DGRAM); s.sendto(b'x', ('192.0.2.1', 53))", "192.0.2.1"),
    ],
)
def test_the_guard_sees_connections(guarded, code, attempt):
    _, attempts = guarded("-c", code)
    assert any(attempt in line for line in attempts)


def test_the_guard_lets_this_machine_be(guarded):
    code = "import socket; s = socket.create_server(('127.0.0.1', 0)); socket.create_connection(s.getsockname())"
    done, attempts = guarded("-c", code)
    assert (done.returncode, attempts) == (0, [])


BUILD = """
import importlib, json, pkgutil, sys
import mmluss, torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS

for module in pkgutil.walk_packages(mmluss.__path__, "mmluss."):
    if module.name != "mmluss.__main__":
        importlib.import_module(module.name)
for path in json.loads(sys.argv[1]):
    cfg = Config.fromfile(path)
    init_default_scope(cfg.default_scope)
    # Backbones that read numbers off tensors while they are built need real ones.
    real = cfg.model.backbone.type.endswith(("ConvNeXt", "SwinTransformer"))
    with torch.device("cpu" if real else "meta"):
        MODELS.build(cfg.model)
print("built", len(json.loads(sys.argv[1])))
"""


@pytest.mark.slow
def test_import_and_models_of_all_configs(guarded):
    configs = [str(CONFIGS / name) for name in leaf_configs()]
    done, attempts = guarded("-c", BUILD, json.dumps(configs))
    assert done.returncode == 0, done.stderr[-3000:]
    assert f"built {len(configs)}" in done.stdout
    assert attempts == []
