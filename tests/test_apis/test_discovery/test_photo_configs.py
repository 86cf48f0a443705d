# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import pytest
from mmengine.config import Config

from mmluss.apis.discovery.discovery_configs import STEP_CONFIGS
from mmluss.apis.discovery.photo_configs import read_photos, set_sizes, training_size
from mmluss.apis.tools.mmseg_tools import find_config


@pytest.mark.parametrize("quick", [False, True])
@pytest.mark.parametrize("photos", [20, 33, 64, 127, 500, 975, 5000, 100_000])
def test_sizes_suit_the_number_of_photos(photos, quick):
    size = training_size(photos, quick)
    assert size.batch_size * 2 <= photos and size.num_prototypes <= photos // 2
    if size.queue is not None:
        assert size.queue % size.batch_size == 0 and size.queue <= photos - size.batch_size
    assert min(size.pretrain_epochs, size.attention_epochs, size.finetune_epochs) >= 1
    assert size.pretrain_epochs <= training_size(photos).pretrain_epochs


@pytest.mark.parametrize(("photos", "processes"), [(20, 8), (20, 16), (100, 3), (975, 2), (100_000, 6)])
def test_processes_share_a_batch(photos, processes):
    alone, size = training_size(photos), training_size(photos, processes=processes)
    assert size.processes == min(processes, alone.batch_size)
    assert size.batch_size % size.processes == 0 and 0 <= alone.batch_size - size.batch_size < size.processes
    assert size.queue is None or size.queue % size.batch_size == 0
    cfg = Config.fromfile(find_config(STEP_CONFIGS["pretrain"]))
    set_sizes(cfg, size, 3, photos)
    assert cfg.train_dataloader.batch_size * size.processes == size.batch_size


def test_too_few_photos_are_an_error_before_any_work():
    with pytest.raises(ValueError, match=r"19 photos are too few .* give 20 or more"):
        training_size(19)


@pytest.mark.parametrize(("photos", "interval"), [(20, 8), (39, 4), (200, 3), (10_000, 1)])
def test_checkpoints_are_twenty_iterations_apart_or_an_epoch(photos, interval):
    cfg = Config.fromfile(find_config(STEP_CONFIGS["pretrain"]))
    set_sizes(cfg, training_size(photos), 30, photos)
    assert cfg.default_hooks.checkpoint.interval == interval


@pytest.mark.parametrize("step", list(STEP_CONFIGS))
def test_step_configs_read_photos_and_nothing_else(step):
    cfg = Config.fromfile(find_config(STEP_CONFIGS[step]))
    read_photos(cfg, dict(data_root="my photos", photo_list="list.txt"))
    set_sizes(cfg, training_size(40), 3, 40)
    loaders = str(cfg.train_dataloader) + str(cfg.get("test_dataloader"))
    for other in ("data/Flowers15", "ImageNetSDataset", "color_ignore_orientation"):
        assert other not in loaders
    assert cfg.train_dataloader.dataset.data_root == "my photos" and cfg.train_dataloader.batch_size == 8
    assert cfg.train_cfg.max_epochs == 3 and cfg.val_dataloader is None
    assert cfg.default_hooks.visualization.type == "LUSSVisualizationHook"
    if cfg.get("test_dataloader"):
        assert cfg.test_pipeline == cfg.test_dataloader.dataset.pipeline and cfg.tta_pipeline[0] == cfg.test_pipeline[0]
        assert not cfg.test_evaluator.has_masks
