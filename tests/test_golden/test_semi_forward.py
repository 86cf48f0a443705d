# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import re

import numpy as np
import pytest
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch import Tensor

from mmluss.checkpoints.imagenetseg_checkpoints import imagenetseg_to_mmluss
from mmluss.models import LUSSSegmentor


def published_names(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Our names -> those of the published semi-supervised ResNets."""
    return {
        re.sub(r"^backbone\.", "", name.replace("decode_head.conv_seg.", "head.")): value
        for name, value in weights.items()
    }


def labeled(labels: np.ndarray) -> list[SegDataSample]:
    maps = torch.from_numpy(labels.astype(np.int64))
    return [SegDataSample(gt_sem_seg=PixelData(data=label[None])) for label in maps]


@pytest.mark.golden_kind("semi_forward")
def test_logits_loss_and_gradients(case, official_weights, image_batch, resnet_config, assert_gradient_norms):
    stored, settings = case.arrays, case.settings
    for arch in settings["models"]:
        model = LUSSSegmentor(
            backbone=resnet_config(arch),
            decode_head=dict(
                type="LinearHead",
                num_classes=settings["nb_classes"],
                upsampling=2,
                label_stride=None,
                loss_upsampling=2,
            ),
        )
        published = official_weights.filled(published_names(model.state_dict()), case.seeds["fill"])
        weights = imagenetseg_to_mmluss(published)
        for index in range(len([key for key in stored if re.fullmatch(r"img\d+", key)])):
            images = image_batch(stored[f"img{index}"])
            for mode in ("eval", "train"):
                relative = case.limit("logits", before=f" * max {mode}")
                model.load_state_dict(weights)
                model.train(mode == "train")
                run = f"{arch}_{mode}{index}"
                with torch.set_grad_enabled(mode == "train"):
                    logits = model.decode_head(model.extract_feat(images))
                values = logits.detach().numpy()
                np.testing.assert_array_equal(values.shape, stored[f"{run}_logits_shape"])
                step = -(-values.shape[1] // stored[f"{run}_logits"].shape[1])
                close = dict(rtol=0, atol=relative * np.abs(values).max())
                np.testing.assert_allclose(values[:, ::step], stored[f"{run}_logits"], **close)
                if mode == "eval":
                    continue
                losses = model.decode_head.loss_by_feat(logits, labeled(stored[f"label{index}"]))
                loss, limit = float(losses["loss_ce"]), case.limit("loss")
                np.testing.assert_allclose(loss, stored[f"{run}_loss"], rtol=0, atol=limit)
                model.zero_grad()
                losses["loss_ce"].backward()
                names, norms = stored[f"{arch}_grad_names"], stored[f"{run}_grad_norms"]
                assert_gradient_norms(model, names, norms, case.limit("grad_norms"), published_names)
