# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Short training runs through mmengine's Runner, started from a file in the published format."""

import re
from unittest import mock

import numpy as np
import pytest
import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch.utils.data import Dataset

from mmluss.checkpoints.pass_checkpoints import mmluss_to_pass
from mmluss.datasets.transforms.overlap_grid import overlap_grid
from mmluss.models import LUSSSegmentor, PASSPretrainer, PixelAttentionSegmentor

# Biases directly in front of a batch norm have no gradient but rounding noise, which LARC scales up.
NOISE = re.compile(
    r"(projection_head|projection_head_shallow\.\w+|fbg\.atten)\.((0|3)\.bias|(1|4)\.(running_mean|num_batches_tracked))"
)
PIXELS = dict(mean=[127.5] * 3, std=[63.75] * 3)


class Rows(Dataset):
    """Stored samples in stored order."""

    def __init__(self, samples: list) -> None:
        self.samples = samples

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int):
        return self.samples[index]


class Recorder(Hook):
    """Keeps the learning rate and everything a model reports at each iteration."""

    def __init__(self) -> None:
        self.lr, self.outputs = [], []

    def before_train_iter(self, runner, batch_idx, data_batch=None) -> None:
        self.lr.append(runner.optim_wrapper.get_lr()["lr"][0])

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        self.outputs.append({name: float(value.detach()) for name, value in outputs.items()})

    def series(self, name: str) -> list[float]:
        return [output[name] for output in self.outputs]


def train(case, model, samples, collate, hooks, start, folder):
    """Run a stored schedule; gives the runner and what was recorded."""
    settings = case.settings
    torch.save({"state_dict": {f"module.{name}": value for name, value in start.items()}}, folder / "start.pth")
    iterations = settings["iterations_per_epoch"] * settings["epochs"]
    warmup = settings["warmup_epochs"] * settings["iterations_per_epoch"]
    cosine = dict(
        type="CosineAnnealingLR", by_epoch=False, begin=warmup, end=iterations, eta_min=settings["final_lr"],
        T_max=iterations - warmup,
    )  # fmt: skip
    linear = dict(
        type="LinearLR", by_epoch=False, begin=0, end=warmup,
        start_factor=max(settings["start_warmup"] / settings["base_lr"], 1e-10),
    )  # fmt: skip
    larc = settings["larc"]
    recorder = Recorder()
    runner = Runner(
        model=model,
        work_dir=str(folder),
        experiment_name=case.name,
        default_scope="mmseg",
        train_dataloader=dict(
            batch_size=settings["batch"],
            num_workers=0,
            drop_last=True,
            dataset=Rows(samples),
            sampler=dict(type="DefaultSampler", shuffle=False),
            collate_fn=dict(type=collate),
        ),
        train_cfg=dict(type="EpochBasedTrainLoop", max_epochs=settings["epochs"]),
        optim_wrapper=dict(
            type="OptimWrapper",
            optimizer=dict(
                type="LARC",
                lr=settings["base_lr"],
                momentum=settings["momentum"],
                weight_decay=settings["weight_decay"],
                trust_coefficient=larc["trust_coefficient"],
                eps=larc["eps"],
            ),
        ),
        param_scheduler=[linear, cosine] if warmup else [cosine],
        default_hooks=dict(checkpoint=None, logger=dict(type="LoggerHook", interval=1000)),
        custom_hooks=[recorder, *hooks],
        load_from=str(folder / "start.pth"),
    )
    assert not larc["clip"]
    assert len(runner.train_dataloader) == settings["iterations_per_epoch"]
    # In double precision, so that what is seen does not depend on how a kind of CPU rounds: in single precision six
    # iterations drift apart by more, from one kind to another, than the stored tolerance.
    runner.model.double()
    # What brings half precision up to single must not bring double down to it.
    with mock.patch.object(torch.Tensor, "float", torch.Tensor.double):
        runner.train()
    return runner, recorder


def assert_trajectory(case, runner, recorder, series: dict[str, list[float]]) -> None:
    stored = case.arrays
    np.testing.assert_allclose(recorder.lr, stored["lr"], rtol=case.limit("lr"))
    limits = case.tolerance["losses_abs_per_iteration"]
    for name, tolerance in limits.items():
        assert (np.abs(np.array(series[name]) - stored[name]) <= tolerance).all(), (name, series[name], stored[name])
    difference = np.abs(np.array(recorder.series("loss")) - stored["total"])
    assert (difference <= limits["total" if "total" in limits else "loss"]).all(), difference
    relative = case.limit("final_norms")
    final = mmluss_to_pass(runner.model.state_dict())
    norms = {name: float(value.double().norm()) for name, value in final.items() if value.is_floating_point()}
    names = stored["final_names"].tobytes().decode().splitlines()
    assert norms.keys() == set(names)
    for name, expected in zip(names, stored["final_norms"], strict=True):
        if not NOISE.fullmatch(name):
            np.testing.assert_allclose(norms[name], expected, rtol=relative, err_msg=name)
    for key in (key for key in stored if key.startswith("final.")):
        scale = np.abs(stored[key]).max()
        np.testing.assert_allclose(final[key.removeprefix("final.")], stored[key], rtol=0, atol=relative * scale)
    if "final_queue" in stored:
        np.testing.assert_allclose(runner.model.queue.embeddings, stored["final_queue"], rtol=0, atol=relative)


def multi_crop_samples(case, grids=None) -> list[dict]:
    stored = case.arrays
    crops = [stored[f"crop{crop}"] for crop in range(sum(case.settings["nmb_crops"]))]
    return [
        dict(
            inputs=dict(crops=[torch.from_numpy(crop[row]) for crop in crops])
            | ({} if grids is None else dict(grid=grids[row]))
        )
        for row in range(len(crops[0]))
    ]


def embedding_settings(settings, resnet_config) -> dict:
    return dict(
        backbone=resnet_config(settings["arch"]),
        hidden_channels=settings["hidden_mlp"],
        embedding_dim=settings["feat_dim"],
        num_prototypes=settings["nmb_prototypes"],
        queue=dict(length=settings["queue_length"]) if settings["queue_length"] else None,
        temperature=settings["temperature"],
        epsilon=settings["epsilon"],
        sinkhorn_iterations=settings["sinkhorn_iterations"],
        data_preprocessor=dict(type="mmseg.LUSSDataPreProcessor", bgr_to_rgb=False, crop_std=PIXELS["std"], **PIXELS),
    )


def prototype_hook(settings) -> dict:
    return dict(
        type="PrototypeHook",
        freeze_iters=settings["freeze_prototypes_niters"],
        queue_start_epoch=settings["epoch_queue_starts"],
    )


@pytest.mark.golden_kind("trajectory_pretrain")
def test_pretraining(case, tmp_path, official_weights, resnet_config):

    settings = case.settings
    model = PASSPretrainer(
        **embedding_settings(settings, resnet_config),
        shallow_stages=settings["shallow"],
        loss_weights=settings["weights"],
    )
    grids = [overlap_grid(first, second, settings["grid_size"]) for first, second in case.arrays["rects"]]
    runner, recorder = train(
        case,
        model,
        multi_crop_samples(case, grids),
        "default_collate",
        [prototype_hook(settings)],
        official_weights.published(model, case.seeds["fill"]),
        tmp_path,
    )
    shallow = [recorder.series(f"d2s_stage{stage}") for stage in settings["shallow"]]
    series = dict(
        total=recorder.series("loss"),
        loss_i2i=recorder.series("i2i"),
        loss_p2p=recorder.series("p2p"),
        loss_d2s_mean=np.mean(shallow, axis=0) if shallow else None,
    )
    assert_trajectory(case, runner, recorder, series)


@pytest.mark.golden_kind("trajectory_pixelattn")
def test_pixel_attention(case, tmp_path, official_weights, resnet_config):

    settings = case.settings
    model = PixelAttentionSegmentor(**embedding_settings(settings, resnet_config))
    start = official_weights.published(model, case.seeds["fill"])
    start["fbg.threshold"] = torch.zeros_like(start["fbg.threshold"])
    runner, recorder = train(
        case,
        model,
        multi_crop_samples(case),
        "default_collate",
        [prototype_hook(settings)],
        start,
        tmp_path,
    )
    assert_trajectory(case, runner, recorder, dict(loss=recorder.series("loss")))
    final = mmluss_to_pass(model.state_dict())
    changed = [
        name for name, value in final.items() if not name.startswith("fbg.") and not torch.equal(value, start[name])
    ]
    assert sorted(changed) == sorted(case.arrays["changed"].tobytes().decode().splitlines())


@pytest.mark.golden_kind("trajectory_finetune")
def test_fine_tuning(case, tmp_path, official_weights, resnet_config):

    settings, stored = case.settings, case.arrays
    model = LUSSSegmentor(
        backbone=resnet_config(settings["arch"]),
        decode_head=dict(type="LinearHead", num_classes=settings["num_classes"] + 1),
        data_preprocessor=dict(type="mmseg.SegDataPreProcessor", size=stored["img"].shape[-2:], **PIXELS),
    )
    labels = torch.from_numpy(stored["label"].astype(np.int64))
    samples = [
        dict(inputs=torch.from_numpy(image), data_samples=SegDataSample(gt_sem_seg=PixelData(data=label[None])))
        for image, label in zip(stored["img"], labels, strict=True)
    ]
    start = official_weights.published(model, case.seeds["fill"])
    runner, recorder = train(case, model, samples, "pseudo_collate", [], start, tmp_path)
    assert_trajectory(case, runner, recorder, dict(loss=recorder.series("decode.loss_ce")))
    np.testing.assert_allclose(recorder.series("decode.acc_seg"), stored["acc"], rtol=0, atol=case.limit("acc"))
