# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""A folder as people have them: many formats, odd names, and files that are no photos."""

import os
from pathlib import Path

import numpy as np
from PIL import Image

GOOD = {
    "a.jpg",
    "a.png",
    "deep/er/than deep/space 'quote' \"double\".webp",
    "deep/Tülpe 花.tiff",
    "upside.jpg",
    "alpha.png",
    "palette.png",
    "gray.bmp",
    "cmyk.jpg",
    "wide.png",
    "moving.gif",
    "phone.heic",
    "modern.avif",
    "x.jpg/inside.PNG",
    "linked.jpg",
}
BAD = {
    "notes.txt": "suffix",
    "empty.jpg": "empty",
    "text.jpg": "not an image",
    "cut.jpg": "truncated",
    "nowhere.jpg": "leads nowhere",
    "dot.png": "less than 16",
    "ribbon.png": "more than 8 times",
    "giant.png": "pixels",
}
SIZE = (64, 48)


def gradient(width: int = SIZE[0], height: int = SIZE[1]) -> np.ndarray:
    """RGB that is red on the left and blue at the top, so that it tells how it is turned."""
    image = np.zeros((height, width, 3), np.uint8)
    image[..., 0] = np.linspace(255, 0, width)[None]
    image[..., 2] = np.linspace(255, 0, height)[:, None]
    return image


def write_messy_folder(root: Path) -> None:
    photo = Image.fromarray(gradient())
    (root / "deep/er/than deep").mkdir(parents=True)
    (root / "x.jpg").mkdir()
    photo.save(root / "a.jpg", quality=95)
    photo.save(root / "a.png")
    photo.save(root / "deep/er/than deep/space 'quote' \"double\".webp", quality=95)
    photo.save(root / "deep/Tülpe 花.tiff")
    photo.save(root / "x.jpg/inside.PNG")
    photo.save(root / "cmyk.jpg") if photo.mode == "CMYK" else photo.convert("CMYK").save(root / "cmyk.jpg", quality=95)
    photo.convert("P", palette=Image.Palette.ADAPTIVE).save(root / "palette.png")
    photo.convert("L").save(root / "gray.bmp")
    exif = Image.Exif()
    exif[0x0112] = 6
    photo.transpose(Image.Transpose.ROTATE_90).save(root / "upside.jpg", exif=exif, quality=95)
    alpha = np.dstack([gradient(), np.full(SIZE[::-1], 255, np.uint8)])
    alpha[:, :8, 3] = 0
    Image.fromarray(alpha).save(root / "alpha.png")
    twelve_bits = (np.asarray(photo.convert("L"), np.uint16) * 16).astype(np.uint16)
    Image.fromarray(twelve_bits).save(root / "wide.png")
    photo.save(root / "moving.gif", save_all=True, append_images=[Image.new("RGB", SIZE)])
    import pillow_heif

    pillow_heif.register_heif_opener()
    photo.save(root / "phone.heic", quality=95)
    photo.save(root / "modern.avif", quality=95)
    os.symlink(root / "a.jpg", root / "linked.jpg")
    (root / "notes.txt").write_text("not data")
    (root / "empty.jpg").write_bytes(b"")
    (root / "text.jpg").write_text("hello")
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (200, 200, 3), np.uint8)).save(root / "cut.jpg")
    (root / "cut.jpg").write_bytes((root / "cut.jpg").read_bytes()[:4000])
    os.symlink(root / "gone.jpg", root / "nowhere.jpg")
    Image.new("RGB", (1, 1)).save(root / "dot.png")
    Image.new("RGB", (2400, 40)).save(root / "ribbon.png")
    Image.new("1", (20000, 10000)).save(root / "giant.png")
    (root / ".hidden").mkdir()
    photo.save(root / ".hidden" / "secret.jpg")
    (root / "Thumbs.db").write_bytes(b"x")
    os.symlink(root, root / "deep" / "loop")
