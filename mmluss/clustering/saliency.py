# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Saliency maps that the user brings, in place of the attention (PASS, steps 2.2 to 2.4)."""

from collections.abc import Sequence

from mmseg.structures import SegDataSample
from torch import Tensor


def sample_saliency(sample: SegDataSample) -> Tensor:
    """Saliency map of one image, (H, W) float32 in 0..1.

    Args:
        sample: with `saliency_map`, as `PackSaliencyInputs` packs it.

    Raises:
        ValueError: the sample has no saliency map; the message names its image.
    """
    if "saliency_map" not in sample:
        raise ValueError(
            f"{sample.metainfo.get('img_path')} comes without a saliency map, but the embeddings and labels are to use "
            "one for each image: the pipeline needs LoadSaliencyMap and PackSaliencyInputs, the data set saliency_root"
        )
    return sample.saliency_map.data[0]


def pipeline_with_saliency(pipeline: Sequence[dict]) -> list[dict]:
    """Test pipeline that also loads and packs saliency maps, in their original size.

    Args:
        pipeline: transform configs that end in `PackSegInputs`; one that loads saliency maps already stays as it is.

    Raises:
        ValueError: the pipeline ends in another transform.
    """
    types = [transform["type"] for transform in pipeline]
    if "LoadSaliencyMap" in types:
        return list(pipeline)
    if not types or types[-1] != "PackSegInputs":
        raise ValueError(
            f"cannot add saliency maps to a pipeline that ends in {types[-1:]}: put LoadSaliencyMap and "
            "PackSaliencyInputs there"
        )
    return [*pipeline[:-1], dict(type="LoadSaliencyMap"), dict(pipeline[-1], type="PackSaliencyInputs")]
