# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
from pathlib import Path

from mmluss.apis.discovery.discovery_configs import DiscoveryConfigs
from mmluss.apis.discovery.discovery_settings import DiscoverySettings
from mmluss.apis.discovery.photo_configs import training_size
from mmluss.apis.discovery.starting_backbone import StartingBackbone

RESNET = dict(type="mmseg.ResNet", depth=18, base_channels=8, stem_channels=8)


def configs(start: StartingBackbone, **settings) -> DiscoveryConfigs:
    return DiscoveryConfigs(
        Path("photos"), Path("photos.txt"), 300, DiscoverySettings(**settings), training_size(300), start
    )


def test_photos_may_show_several_things():
    model = configs(StartingBackbone(Path("a.pth"), "a")).finetune(7, Path("b.pth"), Path("labels")).model
    assert model.decode_head.num_classes == 8
    assert (model.test_cfg.one_cluster, model.test_cfg.image_evidence) == (False, 1.0)
    assert model.test_cfg.refine.type == "GrabCut"
    assert model.backbone.init_cfg.checkpoint == "b.pth"


def test_photos_and_labels_are_those_that_were_found():
    cfg = configs(StartingBackbone(Path("a.pth"), "a")).finetune(7, Path("b.pth"), Path("labels"))
    assert cfg.train_dataloader.dataset.label_root == "labels"
    assert (cfg.train_dataloader.dataset.data_root, cfg.train_dataloader.dataset.photo_list) == ("photos", "photos.txt")


def test_a_network_from_elsewhere_takes_the_place_of_the_embedded_one():
    made = configs(StartingBackbone(Path("a.pth"), "a", RESNET))
    assert made.finetune(7, None, Path("labels")).model.backbone.type == "mmseg.ResNet"


def test_clustering_is_asked_as_the_settings_say(tmp_path):
    made = configs(StartingBackbone(Path("a.pth"), "a"), threshold=0.6, seed=4)
    cfg = made.pixel_attention(None)
    assert "pseudo_labels" not in cfg.default_hooks
    cfg.dump(tmp_path / "config.py")
    hook = made.labels(9, tmp_path / "config.py", Path("vectors")).default_hooks.pseudo_labels
    assert (hook.num_clusters, hook.threshold, hook.seed, hook.embedding_dir) == (9, 0.6, 4, "vectors")
