# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import pytest
from mmengine.config import Config

import mmluss  # noqa: F401
from mmluss.clustering.labeled_images import labeled_dataset, training_images
from tests.helpers.small_world import TEST_PIPELINE, write_split


def config() -> Config:
    def loader(split: str, **dataset) -> dict:
        return dict(
            batch_size=4,
            num_workers=0,
            dataset=dict(type="ImageNetSDataset", data_root="data", split=split, **dataset),
        )

    return Config(
        dict(
            train_dataloader=loader("train", pipeline=[]),
            test_dataloader=loader("validation", pipeline=TEST_PIPELINE),
        )
    )


def test_images_to_label_are_those_of_training_without_labels():
    loader = training_images(config())
    assert loader["dataset"]["split"] == "train"
    assert loader["dataset"]["label_root"] is False
    assert loader["dataset"]["pipeline"] == TEST_PIPELINE
    assert (loader["batch_size"], loader["num_workers"]) == (4, 0)


@pytest.mark.parametrize("missing", ["train_dataloader", "test_dataloader"])
def test_no_way_to_know_which_images_to_label(missing):
    cfg = config()
    cfg[missing] = None
    with pytest.raises(ValueError, match="give PseudoLabelHook a dataloader"):
        training_images(cfg)


def test_a_pipeline_that_crops_is_refused(tmp_path):
    write_split(tmp_path, "train", images=1, seed=0)
    pipeline = [TEST_PIPELINE[0], dict(type="CenterCrop", crop_size=8), TEST_PIPELINE[-1]]
    with pytest.raises(ValueError, match="CenterCrop: labels need whole images"):
        labeled_dataset(dict(type="ImageNetSDataset", data_root=str(tmp_path), pipeline=pipeline))
