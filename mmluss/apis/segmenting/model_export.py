# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""The model of a run as one ONNX or TorchScript file that takes photos and needs nothing of this package."""

import io
import json
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from mmluss.apis.segmenting.formats import ModelFormat
from mmluss.apis.segmenting.segmenter import Segmenter
from mmluss.models.photo_network import PhotoNetwork
from mmluss.utils.atomic_files import replace_file
from mmluss.version import __version__

SUFFIXES: dict[ModelFormat, str] = dict(onnx=".onnx", torchscript=".pt")
OPSET = 17
TIMED_SIZE = (480, 640)
_CHECKED_SIZES = (TIMED_SIZE, (333, 250), (90, 161), (1100, 1024))
# Rounding moves borders between labels a little; on drawn clouds, which look like nothing, far more than on photos. A
# wrong file agrees by chance only.
_LEAST_AGREEMENT = 0.9
_TIMED_RUNS = 5
_INPUT, _OUTPUT = "photo", "labels"

Labels = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class ExportedModel:
    """A written model file.

    Attributes:
        path: The file.
        megabytes: Its size.
        milliseconds: Time for a photo of 640 x 480 pixels on this CPU, with as many threads as torch has.
        agreement: Least share of the pixels of a drawn photo, 0..1, whose labels are those of PyTorch.
        left_out: What the model has and the file has not, a sentence each.
    """

    path: Path
    megabytes: float
    milliseconds: float
    agreement: float
    left_out: tuple[str, ...]


def export_model(source: str | Path, form: ModelFormat, to: str | Path | None = None) -> ExportedModel:
    """Write a model as one file: resize, normalization, network, argmax, merges and drops of clusters.

    The file takes ``photo``, ``(H, W, 3)`` uint8 RGB of any size, upright, and gives ``labels``, ``(H, W)`` int32. The
    names by id are in its metadata: ``names`` (JSON) of an ONNX file, ``metadata.json`` of a TorchScript file. Before
    the file is written, it is run on drawn photos of several sizes.

    Args:
        source: As for ``Segmenter``.
        form: 'onnx' or 'torchscript'.
        to: The file; by default ``export/model.onnx`` in a folder of results, or beside a checkpoint.

    Raises:
        ValueError: If the format is unknown, the model names no pixels, or it cannot be written for photos of any size.
        RuntimeError: If a package is missing.
    """
    if form not in SUFFIXES:
        raise ValueError(f"format {form!r}; known are {', '.join(SUFFIXES)}")
    if form == "onnx":
        _check_packages()
    source = Path(source)
    segmenter = Segmenter(source, "cpu")
    network = photo_network(segmenter)
    name = type(segmenter.model.backbone).__name__
    with _quiet(), torch.no_grad():
        _check_any_size(network, name)
        left_out = left_out_of(segmenter)
        facts = dict(
            names=list(segmenter.names.names),
            input="photo (H, W, 3) uint8 RGB, any size, upright",
            output="labels (H, W) int32, ids of names, 0 = background",
            left_out=list(left_out),
            mmluss_version=__version__,
        )
        content = _ENCODERS[form](network, facts)
        labels = _LOADERS[form](content)
        agreement = min(_agreement(network, labels, size) for size in _CHECKED_SIZES)
        if agreement < _LEAST_AGREEMENT:
            raise ValueError(f"the {form} file of {name} gives other labels than PyTorch ({agreement:.1%} the same)")
        milliseconds = _milliseconds(labels)
    path = Path(to) if to is not None else _default_path(source, form)
    with replace_file(path) as file:
        file.write(content)
    return ExportedModel(path, len(content) / 1e6, milliseconds, agreement, left_out)


def photo_network(segmenter: Segmenter) -> PhotoNetwork:
    """The network of a segmenter with its resize, merges and drops.

    Raises:
        ValueError: If its test pipeline has other steps than a resize of one edge.
    """
    resize, *others = segmenter.pipeline.transforms
    names = [type(step).__name__ for step in (resize, *others)]
    divisor = 1
    if len(others) == 2 and names[1] == "ResizeToMultiple" and others[0].interpolation in (None, "bilinear"):
        divisor = others.pop(0).size_divisor
    if (
        names[0] != "ResizeEdge"
        or (resize.backend, resize.interpolation) != ("pillow", "bilinear")
        or names[-len(others) :] != ["PackSegInputs"]
    ):
        raise ValueError(f"a file can hold the resize of one edge by Pillow, not a test pipeline of {', '.join(names)}")
    return PhotoNetwork(segmenter.model, resize.scale, resize.edge, segmenter.names.targets.tolist(), divisor)


def left_out_of(segmenter: Segmenter) -> tuple[str, ...]:
    """What a file cannot hold of a segmenter's inference, a sentence each."""
    refine = (segmenter.cfg.model.get("test_cfg") or {}).get("refine")
    if refine is None:
        return ()
    return (f"{refine['type']} refinement (test_cfg.refine): outlines are those of the network, less sharp",)


def load_model_file(path: str | Path) -> tuple[Labels, dict[str, Any]]:
    """Read a model file back.

    Args:
        path: What ``export_model`` wrote.

    Returns:
        A function from a photo ``(H, W, 3)`` uint8 RGB to labels ``(H, W)`` int32, and the metadata.
    """
    path = Path(path)
    form: ModelFormat = "onnx" if path.suffix == SUFFIXES["onnx"] else "torchscript"
    content = path.read_bytes()
    if form == "onnx":
        import onnx

        properties = onnx.load_model_from_string(content).metadata_props
        return _LOADERS[form](content), {entry.key: json.loads(entry.value) for entry in properties}
    extra = {_METADATA: ""}
    torch.jit.load(io.BytesIO(content), map_location="cpu", _extra_files=extra)
    return _LOADERS[form](content), json.loads(extra[_METADATA])


_METADATA = "metadata.json"


def _check_packages() -> None:
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
    except ImportError as error:
        raise RuntimeError(f"{error.name} is missing; ONNX files need: pip install 'mmluss[export]'") from error


def _default_path(source: Path, form: ModelFormat) -> Path:
    return source.with_suffix(SUFFIXES[form]) if source.is_file() else source / "export" / f"model{SUFFIXES[form]}"


def _drawn_photo(size: tuple[int, int]) -> np.ndarray:
    """Colored clouds, ``(H, W, 3)`` uint8."""
    rng = np.random.default_rng(0)
    return cv2.resize(rng.integers(0, 256, (9, 9, 3), np.uint8), size[::-1], interpolation=cv2.INTER_CUBIC)


def _check_any_size(network: PhotoNetwork, name: str) -> None:
    """Whether the graph traced at one size is right at others."""
    fits, cause = True, None
    try:
        example = dict(maps=_tensor(_drawn_photo(_CHECKED_SIZES[0])))
        traced = torch.jit.trace_module(network, example, check_trace=False)
        for size in _CHECKED_SIZES[1:]:
            photo = _tensor(_drawn_photo(size))
            expected, found = network.maps(photo), traced.maps(photo)
            fits &= expected.shape == found.shape and torch.allclose(expected, found, rtol=1e-3, atol=1e-4)
    except (RuntimeError, TypeError) as error:
        fits, cause = False, error
    if not fits:
        raise ValueError(
            f"{name} cannot be written as a file for photos of any size: it computes with the size in a way that torch "
            "cannot trace"
        ) from cause


def _tensor(photo: np.ndarray) -> Tensor:
    return torch.from_numpy(photo)


def _encode_onnx(network: PhotoNetwork, facts: dict[str, Any]) -> bytes:
    import onnx
    from torch.onnx.utils import export

    file = io.BytesIO()
    sides = {0: "height", 1: "width"}
    export(
        network,
        (_tensor(_drawn_photo(TIMED_SIZE)),),
        file,  # type: ignore[arg-type]
        input_names=[_INPUT],
        output_names=[_OUTPUT],
        dynamic_axes={_INPUT: sides, _OUTPUT: sides},
        opset_version=OPSET,
    )
    model = onnx.load_model_from_string(file.getvalue())
    onnx.helper.set_model_props(model, {key: json.dumps(value) for key, value in facts.items()})
    onnx.checker.check_model(model)
    return model.SerializeToString()


def _encode_torchscript(network: PhotoNetwork, facts: dict[str, Any]) -> bytes:
    file = io.BytesIO()
    traced = torch.jit.trace(network, _tensor(_drawn_photo(TIMED_SIZE)), check_trace=False)
    torch.jit.save(traced, file, _extra_files={_METADATA: json.dumps(facts)})
    return file.getvalue()


def _load_onnx(content: bytes) -> Labels:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    return lambda photo: session.run([_OUTPUT], {_INPUT: photo})[0]


def _load_torchscript(content: bytes) -> Labels:
    model = torch.jit.load(io.BytesIO(content), map_location="cpu")
    return lambda photo: model(_tensor(photo)).numpy()


def _agreement(network: PhotoNetwork, labels: Labels, size: tuple[int, int]) -> float:
    photo = _drawn_photo(size)
    found = labels(photo)
    return float((found == network(_tensor(photo)).numpy()).mean()) if found.shape == size else 0.0


def _milliseconds(labels: Labels) -> float:
    photo = _drawn_photo(TIMED_SIZE)
    labels(photo)
    start = time.perf_counter()
    for _ in range(_TIMED_RUNS):
        labels(photo)
    return (time.perf_counter() - start) / _TIMED_RUNS * 1000


@contextmanager
def _quiet() -> Iterator[None]:
    """Tracing warns of each size that it takes for a number; whether that does harm is checked afterwards."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


_ENCODERS: dict[ModelFormat, Callable[[PhotoNetwork, dict[str, Any]], bytes]] = dict(
    onnx=_encode_onnx, torchscript=_encode_torchscript
)
_LOADERS: dict[ModelFormat, Callable[[bytes], Labels]] = dict(onnx=_load_onnx, torchscript=_load_torchscript)
