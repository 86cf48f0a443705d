# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import pytest

from mmluss.clustering.saliency import pipeline_with_saliency


def test_saliency_is_loaded_after_the_resize_and_packed():
    pipeline = [dict(type="LoadImageFromFile"), dict(type="PackSegInputs", meta_keys=("img_path",))]
    extended = pipeline_with_saliency(pipeline)
    assert extended == [
        dict(type="LoadImageFromFile"),
        dict(type="LoadSaliencyMap"),
        dict(type="PackSegInputs", meta_keys=("img_path", "saliency")),
    ]
    assert pipeline_with_saliency(extended) == extended


@pytest.mark.parametrize("pipeline", [[], [dict(type="LoadImageFromFile")]])
def test_a_pipeline_with_another_end_is_refused(pipeline):
    with pytest.raises(ValueError, match="cannot add saliency maps"):
        pipeline_with_saliency(pipeline)
