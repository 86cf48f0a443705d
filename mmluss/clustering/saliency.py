# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Saliency maps that the user brings, in place of the attention (PASS, steps 2.2 to 2.4)."""

from collections.abc import Sequence

import numpy as np
import torch
from mmseg.structures import SegDataSample
from torch import Tensor


def sample_saliency(sample: SegDataSample) -> Tensor:
    """Saliency map of one image, ``(H, W)`` float32 in 0..1, in its original size.

    Args:
        sample: With ``saliency`` in its metainfo, ``(H, W)`` uint8, 255 = salient.

    Raises:
        ValueError: The sample has no saliency map; the message names its image.
    """
    saliency = sample.metainfo.get("saliency")
    if saliency is None:
        raise ValueError(
            f"{sample.metainfo.get('img_path')} comes without a saliency map, but embeddings and labels are to use one "
            "for each image: the data set needs saliency_root, the pipeline LoadSaliencyMap, and PackSegInputs "
            "'saliency' in meta_keys"
        )
    return torch.from_numpy(saliency.astype(np.float32) / np.float32(255))


def pipeline_with_saliency(pipeline: Sequence[dict]) -> list[dict]:
    """Test pipeline that also loads and packs saliency maps.

    Args:
        pipeline: Transform configs that end in ``PackSegInputs``; one that loads saliency maps already stays as it is.

    Raises:
        ValueError: The pipeline ends in another transform.
    """
    types = [transform["type"] for transform in pipeline]
    if "LoadSaliencyMap" in types:
        return list(pipeline)
    if not types or types[-1] != "PackSegInputs":
        raise ValueError(
            f"cannot add saliency maps to a pipeline that ends in {types[-1:]}: put LoadSaliencyMap there, and "
            "'saliency' among the meta_keys of what packs the sample"
        )
    keys = (*pipeline[-1].get("meta_keys", ("img_path", "ori_shape", "img_shape")), "saliency")
    return [*pipeline[:-1], dict(type="LoadSaliencyMap"), dict(pipeline[-1], meta_keys=keys)]
