# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import os
from pathlib import Path

import pytest

from tests.helpers.forked_runs import finish, run_pipeline, start
from tests.helpers.tiny_steps import write_tiny_configs, write_tiny_data


@pytest.fixture(scope="session")
def rounds() -> int:
    """How often each fault is tried: once, or as the environment says (FAULT_ROUNDS=5 for the long round)."""
    return int(os.environ.get("FAULT_ROUNDS", "1"))


@pytest.fixture(scope="session")
def data(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("tiny_data")
    write_tiny_data(root)
    return root


@pytest.fixture(scope="session")
def pipeline(data, tmp_path_factory) -> Path:
    """Config of a sharp pipeline of four short trainings, each of three epochs of three iterations, and two tests."""
    folder = tmp_path_factory.mktemp("pipeline")
    steps = write_tiny_configs(folder, data)
    lines = [f"{step} = {str(config)!r}" for step, config in steps.items()]
    refine = dict(type="GrabCut", short_side=24)
    head = dict(foreground="relative", image_evidence=1.0, pooling="foreground")
    overrides = dict(
        pixel_attention=dict(
            model=dict(decode_head=head, test_cfg=dict(refine=refine)),
            default_hooks=dict(pseudo_labels=dict(clustering="spectral", neighbors=6)),
        ),
        finetune=dict(model=dict(test_cfg=dict(refine=refine, image_evidence=1.0))),
    )
    draft = dict(optim_wrapper=dict(optimizer=dict(lr=0.03)))
    lines += [f"data_root = {str(data)!r}", "num_clusters = 3", "controls = []", "rounds = 2"]
    lines += [f"draft = {draft}", f"overrides = {overrides}"]
    (folder / "pipeline.py").write_text("\n".join(lines))
    return folder / "pipeline.py"


@pytest.fixture(scope="session")
def whole(pipeline, tmp_path_factory) -> Path:
    """Work folder of the pipeline without a fault."""
    folder = tmp_path_factory.mktemp("whole")
    code = finish(start(folder / "log", run_pipeline, pipeline, folder / "work"))
    assert code == 0, (folder / "log").read_text()
    return folder / "work"
