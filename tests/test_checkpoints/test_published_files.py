# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import re
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from torch import nn

from mmluss.checkpoints.kinds import CheckpointKind
from mmluss.checkpoints.published_files import (
    FileRole,
    PublishedFile,
    check_published_file,
    find_published_files,
    published_files,
)

from .published_networks import FineTuned, PixelAttention, Pretrained, SemiSupervised, as_file

ROOT = Path(__file__).parents[2]
FILES = published_files(ROOT)


def names(role: FileRole) -> set[str]:
    return {file.name for file in FILES if file.role is role}


def test_every_published_file_is_known_once_for_each_role():
    assert max(Counter((file.address, file.role) for file in FILES).values()) == 1
    pass_files = [
        f"pass{n}_{what}.pth.tar" for n in (50, 300, 919) for what in ("pretrained", "pixelatt", "finetuning")
    ]
    semi = [
        *(f"imagenets_ssl_pass_resnet50_d{stride}.pth" for stride in (16, 32)),
        *(f"imagenets_{kind}_{vit}.pth" for kind in ("ssl", "ssl-sup") for vit in ("mae_vit_base", "sere_vit_small")),
        "imagenets_sup_convnext_p4.pth",
        *(f"imagenets_sup_rfconvnext-rf{mode}_p4.pth" for mode in ("search", "single", "multiple", "merge")),
    ]
    assert names(FileRole.WEIGHTS) == {*pass_files, *semi}
    assert names(FileRole.CENTROIDS) == {f"pass{n}_centroids.npy" for n in (50, 300, 919)}
    assert len(names(FileRole.OTHER_RECIPE)) == len(names(FileRole.MASKS)) == 3
    assert {
        "mae_pretrain_vit_base.pth",
        "mae_finetuned_vit_base.pth",
        "sere_pretrained_vit_small_ep100.pth",
        "sere_finetuned_vit_small_ep100.pth",
        "convnext_tiny_1k_224_ema.pth",
    } <= names(FileRole.START)


def test_the_kind_of_every_checkpoint_is_told_from_its_name():
    unknown = {file.name for file in FILES if file.kind is None}
    # Swin is a network of mmpretrain, whose files are all named alike.
    swin = {name for name in unknown if name.startswith("swin_")}
    assert unknown - swin == names(FileRole.CENTROIDS) | names(FileRole.MASKS)


@pytest.mark.parametrize("file", [file for file in FILES if file.role is FileRole.START], ids=lambda file: file.name)
def test_starts_are_what_the_configs_read(file):
    for config in file.configs:
        [path] = ROOT.glob(f"configs/*/{config}.py")
        init = Config.fromfile(path).model.backbone.init_cfg
        assert init.checkpoint == f"checkpoints/{file.name}"


def test_what_is_read_from_the_folder_of_checkpoints_can_be_downloaded():
    read = {
        match
        for path in ROOT.glob("configs/*/*.py")
        for match in re.findall(r'checkpoint="checkpoints/([^"]+)"', path.read_text())
    }
    # The installed package brings these weights along.
    assert read - {"efficientnet-lite0_imagenet.pth"} == names(FileRole.START)


@pytest.mark.parametrize(
    ("wanted", "start", "found"),
    [
        ("pass50_centroids.npy", False, ["pass50_centroids.npy"]),
        ("https://e.org/x/y%20z.pth?download=1", False, ["y z.pth"]),
        (
            "https://github.com/LUSSeg/PASS/releases/download/pass/pass50_pretrained.pth.tar",
            False,
            ["pass50_pretrained.pth.tar"],
        ),
        (
            "pass-pixel-attention_r18_8xb32-20e_imagenets50",
            False,
            ["pass50_pixelatt.pth.tar", "pass50_centroids.npy"],
        ),
        ("configs/distance_matching/knn_r18_imagenets50.py", False, ["pass50_pretrained.pth.tar"]),
        ("mmluss::semi/fcn_vit-b16-mae_8xb32-100e_imagenets919.py", False, ["imagenets_ssl_mae_vit_base.pth"]),
        ("fcn_vit-b16-mae_8xb32-100e_imagenets50", True, ["mae_pretrain_vit_base.pth"]),
    ],
)
def test_files_are_found_by_name_address_and_config(wanted, start, found):
    assert [file.name for file in find_published_files(wanted, FILES, start)] == found


def test_the_role_of_an_address_is_known():
    [file] = find_published_files(FILES[-1].address, FILES)
    assert file.role is FileRole.MASKS
    assert find_published_files("https://e.org/a.pth", FILES)[0].role is FileRole.OTHER


@pytest.mark.parametrize(
    ("wanted", "start", "message"),
    [
        ("pass50_pretrained.pth", False, "do you mean pass50_pretrained.pth.tar"),
        ("configs/distance_matching/knn_r18_imagenets5.py", False, "do you mean .*knn_r18_imagenets50"),
        ("xyz", False, "nothing is published as xyz; --list shows"),
        ("fcn_vit-b16-mae_8xb32-100e_imagenets50", False, r"no trained model is published .* \(--start\)"),
        ("knn_r18_imagenets50", True, r"no start is published .* a trained model is \(leave out --start\)"),
    ],
)
def test_unknown_names_get_an_answer(wanted, start, message):
    with pytest.raises(ValueError, match=message):
        find_published_files(wanted, FILES, start)


def test_installation_without_metafiles_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"No model-index\.yml in"):
        published_files(tmp_path)


def named(name: str) -> PublishedFile:
    return PublishedFile(f"https://e.org/{name}", FileRole.OTHER)


def write(path: Path, network: nn.Module) -> Path:
    torch.save(as_file(network), path)
    return path


@pytest.mark.parametrize(
    ("network", "name", "kind"),
    [
        (Pretrained, "pass50_pretrained.pth.tar", CheckpointKind.PASS_PRETRAIN),
        (PixelAttention, "pass300_pixelatt.pth.tar", CheckpointKind.PASS_PIXEL_ATTENTION),
        (FineTuned, "pass919_finetuning.pth.tar", CheckpointKind.PASS_FINETUNE),
        (SemiSupervised, "imagenets_ssl_pass_resnet50_d16.pth", CheckpointKind.SEMI_RESNET),
        (FineTuned, "mine.pth", CheckpointKind.PASS_FINETUNE),
    ],
)
def test_right_checkpoints_pass(tmp_path, network, name, kind):
    path = write(tmp_path / "x.part", network())
    assert check_published_file(path, named(name)) == kind.value


def test_checkpoint_of_another_kind_is_refused(tmp_path):
    path = write(tmp_path / "x.part", Pretrained())
    message = r"is a published PASS pretraining checkpoint; pass50_finetuning\.pth\.tar should be a .* fine-tuned"
    with pytest.raises(ValueError, match=message):
        check_published_file(path, named("pass50_finetuning.pth.tar"))


@pytest.mark.parametrize("rows", [920, None, 1000])
def test_a_model_has_to_have_its_segmentation_head(tmp_path, rows):
    weights = {"patch_embed.proj.weight": torch.zeros(4, 3, 16, 16), "blocks.0.attn.qkv.weight": torch.zeros(12, 4)}
    if rows is not None:
        weights["head.weight"] = torch.zeros(rows, 4)
    torch.save(dict(model=weights), tmp_path / "x.part")
    file = named("imagenets_ssl_mae_vit_base.pth")
    if rows == 920:
        assert check_published_file(tmp_path / "x.part", file) == CheckpointKind.VIT.value
    else:
        with pytest.raises(ValueError, match="without a segmentation head"):
            check_published_file(tmp_path / "x.part", file)
    assert check_published_file(tmp_path / "x.part", named("mae_pretrain_vit_base.pth")) == CheckpointKind.VIT.value


@pytest.mark.parametrize("name", ["pass50_pretrained.pth.tar", "pass50_centroids.npy", "ImageNetS50.zip", "mine.pth"])
@pytest.mark.parametrize("content", [b"", b"\x93NUMPY\x01", b"PK\x03\x04 cut off", b"\n<!DOCTYPE html><p>Log in"])
def test_other_content_is_refused(tmp_path, name, content):
    (tmp_path / "x.part").write_bytes(content)
    hint = "it begins with '<!DOCTYPE html>" if b"html" in content else ""
    with pytest.raises(ValueError, match=f"what came is no such file: .*{hint}"):
        check_published_file(tmp_path / "x.part", named(name))


@pytest.mark.parametrize("spoil", [None, np.nan, np.inf])
def test_centroids(tmp_path, spoil):
    centroids = np.ones((50, 512), np.float32)
    if spoil is not None:
        centroids[3, 4] = spoil
    with open(tmp_path / "x.part", "wb") as file:
        np.save(file, centroids)
    if spoil is None:
        assert check_published_file(tmp_path / "x.part", named("pass50_centroids.npy")) == "centroids (50, 512)"
    else:
        with pytest.raises(ValueError, match="holds NaN or infinity"):
            check_published_file(tmp_path / "x.part", named("pass50_centroids.npy"))


@pytest.mark.parametrize("members", [["ImageNetS50/validation-segmentation/a/b.png"], ["readme.txt"], []])
def test_archives_hold_masks(tmp_path, members):
    with zipfile.ZipFile(tmp_path / "x.part", "w") as archive:
        for member in members:
            archive.writestr(member, "")
    if members and members[0].endswith(".png"):
        assert check_published_file(tmp_path / "x.part", named("ImageNetS50.zip")) == "archive of 1 masks"
    else:
        with pytest.raises(ValueError, match="the archive holds no masks"):
            check_published_file(tmp_path / "x.part", named("ImageNetS50.zip"))
