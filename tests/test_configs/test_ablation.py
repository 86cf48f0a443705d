# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""The losses of step 1, each with and without: the paper's ablation."""

import pytest

from tests.helpers.small_runs import run, small_config

pytestmark = pytest.mark.slow

NAME = "pass/pass-pretrain{losses}_r18_8xb32-200e_imagenets50.py"
TERMS = {
    "-i2i": {"i2i"},
    "-i2i-d2s": {"i2i", "d2s_stage3"},
    "-i2i-p2p": {"i2i", "p2p"},
    "": {"i2i", "d2s_stage3", "p2p"},
}


@pytest.mark.parametrize("losses", TERMS)
def test_only_the_named_losses_are_trained(losses, data_root, tmp_path):
    cfg = small_config(NAME.format(losses=losses), data_root, tmp_path)
    runner = run(cfg)
    assert runner.iter == 1
    logged = {name.removeprefix("train/"): scalar.current() for name, scalar in runner.message_hub.log_scalars.items()}
    terms = TERMS[losses]
    assert {name for name in logged if name in {"i2i", "p2p"} or name.startswith("d2s_")} == terms
    prototype_terms = [logged[name] for name in terms - {"p2p"}]
    expected = sum(prototype_terms) / len(prototype_terms) + logged.get("p2p", 0)
    assert logged["loss"] == pytest.approx(expected, rel=1e-5)
    layers = {name.split(".")[0] for name, _ in runner.model.named_parameters()}
    assert ("pixel_projector" in layers) == ("p2p" in terms)
    assert ("shallow_projectors" in layers) == ("d2s_stage3" in terms)


@pytest.mark.parametrize("losses", TERMS)
def test_step_2_takes_each_of_them(losses, data_root, tmp_path):
    run(small_config(NAME.format(losses=losses), data_root, tmp_path / "pretrain"))
    cfg = small_config("pass/pass-pixel-attention_r18_8xb32-20e_imagenets50.py", data_root, tmp_path / "attention")
    cfg.model.pretrained = str(tmp_path / "pretrain" / "epoch_1.pth")
    cfg.train_dataloader.dataset.indices = None
    run(cfg)
    assert len(list((tmp_path / "attention" / "pixel_labels").rglob("*.png"))) == 6
