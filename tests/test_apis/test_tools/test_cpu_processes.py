# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""mmsegmentation's launchers on a machine without GPU."""

import json
import os
import subprocess
import sys

import pytest
from mmengine.config import Config
from mmengine.device import get_device

from tests.helpers.ports import unused_port
from tests.helpers.tiny_steps import CONFIGS

pytestmark = [pytest.mark.slow, pytest.mark.skipif(get_device() != "cpu", reason="this machine has a GPU")]
WORD = "No GPU here: 2 processes on CPUs, joined by gloo."


@pytest.fixture
def config(tiny_configs, tmp_path):
    cfg = Config.fromfile(tiny_configs["pretrain"])
    cfg.train_cfg.max_epochs, cfg.train_dataloader.batch_size = 1, 4
    cfg.dump(tmp_path / "config.py")
    return tmp_path / "config.py"


def environment(**variables: object) -> dict[str, str]:
    path = os.pathsep.join([str(CONFIGS.parent), os.environ.get("PYTHONPATH", "")])
    return dict(os.environ, PYTHONPATH=path, OMP_NUM_THREADS="1", GLOO_SOCKET_IFNAME="lo") | {
        name: str(value) for name, value in variables.items()
    }


def assert_trained(folder) -> None:
    [log] = folder.glob("*/vis_data/scalars.json")
    # Three batches of 2 x 4 images of 24; one process would make six of four.
    assert [json.loads(line)["step"] for line in log.read_text().splitlines()] == [1, 2, 3]
    assert (folder / "epoch_1.pth").is_file()


def test_dist_train_falls_back_to_gloo_with_a_word(config, tmp_path):
    script = CONFIGS.parent / "tools" / "dist_train.sh"
    command = ["bash", str(script), str(config), "2", "--work-dir", str(tmp_path / "work")]
    done = subprocess.run(command, env=environment(PORT=unused_port()), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count(WORD) == 1
    assert_trained(tmp_path / "work")


def test_tasks_of_slurm_join_by_gloo(config, tmp_path):
    port, processes = unused_port(), []
    for task in range(2):
        slurm = dict(SLURM_PROCID=task, SLURM_LOCALID=task, SLURM_NTASKS=2, MASTER_ADDR="127.0.0.1", MASTER_PORT=port)
        command = [sys.executable, str(CONFIGS.parent / "tools" / "train.py"), str(config)]
        command += ["--work-dir", str(tmp_path / "work"), "--launcher", "slurm"]
        processes.append(
            subprocess.Popen(
                command, env=environment(**slurm), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )
        )
    outputs = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs[0][-2000:] + outputs[1][-2000:]
    assert [output.count(WORD) for output in outputs] == [1, 0]
    assert_trained(tmp_path / "work")
