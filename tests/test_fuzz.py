# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Whatever is in a file, reading it gives a result or an error that names it, and nothing goes beyond its folder."""

import importlib.util
import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mmluss.apis.results.cluster_names import ClusterNames, read_cluster_names
from mmluss.apis.results.run_folder import RunFolder
from mmluss.apis.segmenting.annotation_export import LabeledPhoto, export_annotations
from mmluss.apis.segmenting.formats import ANNOTATION_FORMATS
from mmluss.apis.segmenting.segmenter import find_model
from mmluss.apis.steps.label_run import read_suggestion
from mmluss.apis.steps.training_folder import training_records
from mmluss.checkpoints.conversion import convert_checkpoint
from mmluss.checkpoints.files import peek_checkpoint, read_checkpoint
from mmluss.checkpoints.imagenetseg_checkpoints import imagenetseg_to_mmluss
from mmluss.checkpoints.kinds import CheckpointKind
from mmluss.checkpoints.pass_checkpoints import PASS_KINDS, mmluss_to_pass, pass_to_mmluss
from mmluss.datasets.label_codec import decode_ids, encode_ids, read_label_map, write_label_map
from mmluss.datasets.photos import PhotoFolderDataset
from mmluss.evaluation.folder import read_name_list
from mmluss.evaluation.matching import match_to_json, read_match
from mmluss.evaluation.submission import read_method
from mmluss.utils.safe_paths import leads_out, path_below
from mmluss.utils.stage_record import StageRecord, read_arrays, write_arrays

# The same examples in every run: a failure is a change of the code, never luck.
fuzz = settings(
    derandomize=True,
    max_examples=60,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=5), children, max_size=3),
    max_leaves=8,
)
TEXT = st.text(alphabet="ab/.\\ \n\t\r\0é,;\"'{}[]:01-", max_size=30)
CONTENT = st.binary(max_size=60) | TEXT.map(str.encode) | JSON.map(lambda value: json.dumps(value).encode())


def _tool(name: str):
    path = Path(__file__).parents[1] / "tools" / "dataset_converters" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"{name}_converter", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


CONVERTER = _tool("imagenets")


def damaged(whole: bytes) -> st.SearchStrategy[bytes]:
    """A file of which some bytes changed, or whose end is missing."""
    change = st.tuples(st.integers(0, len(whole) - 1), st.integers(0, 255))

    def apply(changes: list[tuple[int, int]], length: int) -> bytes:
        content = bytearray(whole)
        for position, value in changes:
            content[position] = value
        return bytes(content[:length])

    return st.builds(apply, st.lists(change, max_size=4), st.integers(0, len(whole)) | st.just(len(whole)))


def label_png() -> bytes:
    import cv2

    return cv2.imencode(".png", encode_ids(np.arange(60).reshape(6, 10) * 17)[..., ::-1])[1].tobytes()


def checkpoint_file() -> bytes:
    content = io.BytesIO()
    torch.save(
        dict(state_dict={"conv1.weight": torch.ones(2, 3), "fc.bias": torch.ones(2)}, meta=dict(epoch=1)), content
    )
    return content.getvalue()


@fuzz
@given(st.lists(st.lists(st.integers(0, 65535), min_size=3, max_size=3), min_size=1, max_size=4))
def test_ids_come_back(ids):
    np.testing.assert_array_equal(decode_ids(encode_ids(np.array(ids))), ids)


@fuzz
@given(damaged(label_png()) | CONTENT)
def test_label_maps(tmp_path, content):
    path = tmp_path / "map.png"
    path.write_bytes(content)
    try:
        ids = read_label_map(path)
    except ValueError as error:
        assert str(error).startswith(f"{path}: ")
    else:
        assert ids.dtype == np.uint16 and ids.ndim == 2


@fuzz
@given(st.dictionaries(st.integers(0, 9), st.integers(0, 3), max_size=4))
def test_matchings_come_back(tmp_path, pairs):
    match = np.full(10, -1)
    for key, value in {**pairs, 0: 0}.items():
        match[key] = value
    (tmp_path / "match.json").write_text(match_to_json(match))
    found = read_match(tmp_path / "match.json", 3)
    np.testing.assert_array_equal(found, match[: len(found)])
    assert (match[len(found) :] == -1).all()


@fuzz
@given(CONTENT | st.dictionaries(st.text("01-9", max_size=12), JSON, max_size=3).map(lambda m: json.dumps(m).encode()))
@example(b'{"99999999999999999999": 1}')
@example(b"[" * 50_000)
@example(b'{"' + b"9" * 5000 + b'": 1}')
def test_matchings(tmp_path, content):
    path = tmp_path / "match.json"
    path.write_bytes(content)
    try:
        match = read_match(path, 3)
    except ValueError as error:
        assert str(error).startswith(f"{path}: ")
    else:
        assert match.min() >= -1 and match.max() <= 3 and len(match) <= 65536


@fuzz
@given(CONTENT)
@example(b"../../etc/passwd.png")
@example(b"/etc/passwd")
@example(b"a/../../b")
@example("\u00e9/1.JPEG".encode("latin-1"))
def test_lists_of_names(tmp_path, content):
    path = tmp_path / "list.txt"
    path.write_bytes(content)
    try:
        names = read_name_list(path)
    except ValueError as error:
        assert str(error).startswith(f"{path}: ")
    else:
        assert all(path_below(tmp_path, name).resolve().is_relative_to(tmp_path.resolve()) for name in names)


@fuzz
@given(CONTENT | st.lists(st.tuples(TEXT, TEXT), max_size=3).map(lambda rows: "\n".join(map(" ".join, rows)).encode()))
@example(b"/passwd a/1.JPEG")
@example(b"a/1.JPEG ./1.JPEG")
@example(b"a/ a/1.JPEG")
def test_lists_of_the_toolbox(tmp_path, content):
    (tmp_path / "list.txt").write_bytes(content)
    try:
        pairs = CONVERTER.read_list(tmp_path, "list.txt")
    except ValueError as error:
        assert str(error).startswith(f"{tmp_path / 'list.txt'}")
    else:
        for name in {name for pair in pairs for name in pair}:
            assert (tmp_path / name).resolve().parent.parent == tmp_path.resolve()


@fuzz
@given(CONTENT | st.dictionaries(st.just("labels"), JSON, min_size=1).map(lambda m: json.dumps(m).encode()))
@example(b'{"labels": {"inputs": {}, "result": null, "notes": []}}')
@example(b'{"labels": {"inputs": {}, "result": 3}}')
def test_records_of_stages(tmp_path, content):
    path = tmp_path / "stages.json"
    path.write_bytes(content)
    try:
        record = StageRecord(path)
    except ValueError as error:
        assert str(error).startswith(f"{path} is not a record of finished stages")
    else:
        for stage in ("labels", "another"):
            record.result(stage, {}), record.begun(stage), record.changed(stage, {"key": 1}), record.notes(stage)


def arrays_file(folder: Path) -> bytes:
    write_arrays(folder / "whole.npz", "key", rows=np.arange(6.0).reshape(2, 3))
    return (folder / "whole.npz").read_bytes()


@fuzz
@given(st.data())
def test_files_of_arrays(tmp_path, data):
    whole = arrays_file(tmp_path)
    content = data.draw(damaged(whole) | CONTENT)
    (tmp_path / "rows.npz").write_bytes(content)
    found = read_arrays(tmp_path / "rows.npz", "key")
    if found is not None:
        # A checksum guards the numbers.
        np.testing.assert_array_equal(found["rows"], np.arange(6.0).reshape(2, 3))


@fuzz
@given(CONTENT)
def test_records_of_a_run(tmp_path, content):
    for name, read in (
        ("run.json", lambda: RunFolder(tmp_path).run),
        ("run.json", lambda: find_model(tmp_path)),
        ("clusters.json", lambda: read_suggestion(tmp_path)),
    ):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(ValueError, match="is damaged") as error:
            read()
        assert str(error.value).startswith(f"{path} ")


@fuzz
@given(st.lists(CONTENT, max_size=3))
def test_logs_of_training(tmp_path, lines):
    path = tmp_path / "1" / "vis_data" / "scalars.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\n".join([b'{"loss": 1.0, "step": 1}', *lines]))
    records = list(training_records(tmp_path))
    assert records[0] == dict(loss=1.0, step=1)
    assert all(isinstance(record, dict) for record in records)


@fuzz
@given(CONTENT | TEXT.map(lambda text: f"id,name,merge_into,drop\n{text}".encode()))
def test_tables_of_names(tmp_path, content):
    path = tmp_path / "clusters.csv"
    path.write_bytes(content)
    try:
        names = read_cluster_names(path, 3)
    except ValueError as error:
        assert str(error).startswith(str(path))
    else:
        assert len(names.names) == 4 and set(names.targets) <= {0, 1, 2, 3}


@fuzz
@given(CONTENT)
def test_descriptions_of_methods(tmp_path, content):
    path = tmp_path / "method.txt"
    path.write_bytes(content)
    with pytest.raises(ValueError) as error:
        read_method(path)
    assert str(error.value).startswith(f"{path}: ")


@fuzz
@given(damaged(checkpoint_file()) | CONTENT)
def test_checkpoints(tmp_path, content):
    path = tmp_path / "epoch_1.pth"
    path.write_bytes(content)
    peek_checkpoint(path)
    try:
        assert isinstance(read_checkpoint(path), dict)
    except ValueError as error:
        assert str(error).startswith(str(path))


MARKS = st.sampled_from(
    (
        "",
        "backbone.x",
        "blocks.0.attn.qkv.weight",
        "conv1.weight",
        "downsample_layers.0.0.weight",
        "fbg.threshold",
        "head.weight",
        "last_layer.weight",
        "layer1.0.conv1.weight",
        "layer9.9.conv9.weight",
        "module.x",
        "patch_embed.proj.weight",
        "pos_embed",
        "projection_head.0.weight",
        "prototypes.weight",
        "seg_norm.weight",
        "stages.0.0.dwconv.weight",
    )
)
WEIGHTS = st.dictionaries(
    MARKS, st.lists(st.integers(0, 3), max_size=4).map(lambda shape: torch.ones(shape)), max_size=6
)
CONVERTERS = [(pass_to_mmluss, PASS_KINDS), (mmluss_to_pass, ()), (imagenetseg_to_mmluss, ())]


@pytest.mark.parametrize(("convert", "kinds"), CONVERTERS, ids=lambda value: getattr(value, "__name__", ""))
@fuzz
@given(weights=WEIGHTS)
def test_converters(tmp_path, convert, kinds, weights):
    torch.save(dict(state_dict=weights), tmp_path / "source.pth")
    with pytest.raises(ValueError) as error:
        convert_checkpoint(tmp_path / "source.pth", tmp_path / "out" / "x.pth", convert, kinds)
    assert str(error.value).startswith(str(tmp_path / "source.pth"))
    assert not (tmp_path / "out").exists()
    assert all(isinstance(kind, CheckpointKind) for kind in kinds)


@pytest.mark.parametrize("form", [form for form in ANNOTATION_FORMATS if form != "coco"])
@fuzz
@given(name=TEXT.filter(bool))
@example(name="../../x.jpg")
@example(name="/x.jpg")
def test_exports_stay_in_their_folder(tmp_path, form, name):
    outside = tmp_path / "outside"
    photo = LabeledPhoto(name, np.ones((4, 4), np.int64))
    try:
        export_annotations([photo], ClusterNames.default(1), outside / "out" / form, form)
    except (ValueError, OSError) as error:
        assert str(error)
    assert [path.name for path in tmp_path.iterdir()] in ([], ["outside"])
    assert [path.name for path in outside.iterdir()] == ["out"]
    assert {path.name for path in (outside / "out").iterdir()} == {form}


@fuzz
@given(st.lists(TEXT.filter(bool), min_size=1, max_size=3))
@example(["a.jpg", "../b.jpg"])
def test_lists_of_photos(tmp_path, names):
    (tmp_path / "photos.txt").write_bytes("\n".join(names).encode())
    try:
        dataset = PhotoFolderDataset(str(tmp_path), photo_list=str(tmp_path / "photos.txt"), lazy_init=True)
        samples = dataset.load_data_list()
    except ValueError as error:
        assert str(error).startswith(str(tmp_path / "photos.txt"))
    else:
        assert not any(leads_out(sample["relative_path"]) for sample in samples)


def test_label_maps_are_written_where_they_are_to_go(tmp_path):
    write_label_map(path_below(tmp_path, "a/1.png"), np.zeros((2, 2), int))
    with pytest.raises(ValueError, match=r"'\.\./1\.png' is no path below"):
        path_below(tmp_path, "../1.png")
