# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.evaluator import Evaluator
from mmengine.structures import PixelData
from mmseg.registry import METRICS
from mmseg.structures import SegDataSample

from mmluss.datasets.label_codec import read_label_map, write_label_map
from mmluss.datasets.score_codec import read_score_map
from mmluss.evaluation import LabelCounts, LUSSMetric
from mmluss.evaluation.evaluation import Evaluation
from mmluss.evaluation.folder import count_folder, names_to_score
from mmluss.evaluation.scores import compute_scores, find_matching
from tests.test_evaluation.slow_reference import slow_scores

NUM = 4
CLASSES = ("other", "n01", "n02", "n03", "n04")
ALL_SCORES = {"mIoU", "mBIoU", "Acc", "FMeasure", "S", "MS", "ML", "L", "BS", "BMS", "BML", "BL"}


def data_sample(image: tuple[np.ndarray, ...], index: int, score: bool = False) -> SegDataSample:
    true, predicted, foreground = (torch.from_numpy(m if m.dtype == np.float32 else m.astype(np.int64)) for m in image)
    sample = SegDataSample(metainfo={"img_path": f"data/validation/n0{index % 3}/{index}.JPEG"})
    sample.pred_sem_seg, sample.gt_sem_seg = PixelData(data=predicted[None]), PixelData(data=true[None])
    if score:
        sample.pred_cluster, sample.foreground_score = (
            PixelData(data=predicted[None]),
            PixelData(data=foreground[None]),
        )
    return sample


def run(images: list, score: bool = False, batch: int = 2, **options) -> dict:
    """Evaluate as mmengine's loops do."""
    evaluator = Evaluator(METRICS.build({"type": "LUSSMetric", **options}))
    evaluator.dataset_meta = {"classes": CLASSES}
    samples = [data_sample(image, index, score) for index, image in enumerate(images)]
    for start in range(0, len(samples), batch):
        evaluator.process(samples[start : start + batch], None)
    return evaluator.evaluate(len(samples))


def test_metric_gives_all_scores_of_the_definition(scenes) -> None:
    images = scenes(0, 7, NUM)
    counts = LabelCounts(NUM)
    for true, predicted, _ in images:
        counts.update(predicted, true)
    match = find_matching(counts, "image")
    expected = slow_scores([image[0] for image in images], [match[image[1]] for image in images], NUM)
    found = run(images)
    assert set(found) == ALL_SCORES
    assert found == pytest.approx(expected, nan_ok=True)


def test_scores_can_have_a_prefix(scenes) -> None:
    assert "luss/mIoU" in run(scenes(0, 2, NUM), prefix="luss")


def test_boundaries_can_be_left_out(scenes) -> None:
    assert set(run(scenes(0, 2, NUM), boundaries=False)) == {"mIoU", "Acc", "FMeasure", "S", "MS", "ML", "L"}


@pytest.mark.parametrize("matching", ["image", "pixel", "majority", "identity"])
def test_saved_matching_gives_the_same_scores(scenes, tmp_path: Path, matching: str) -> None:
    images = scenes(1, 6, NUM)
    file = str(tmp_path / "match.json")
    expected = run(images, matching=matching, match_file=file)
    assert run(images, matching=file) == pytest.approx(expected, nan_ok=True)


def test_thresholds_choose_the_best_one(scenes) -> None:
    images = scenes(2, 6, NUM)
    thresholds = [0.1, 0.3, 0.5, 0.7, 0.9]
    by_threshold = [
        run([(true, np.where(score >= np.float32(t), predicted, 0), score) for true, predicted, score in images])
        for t in thresholds
    ]
    best = int(np.argmax([scores["mIoU"] for scores in by_threshold]))
    found = run(images, score=True, thresholds=thresholds)
    assert found == pytest.approx(by_threshold[best] | {"threshold": thresholds[best]}, nan_ok=True)


def test_scores_file_holds_everything(scenes, tmp_path: Path) -> None:
    file = tmp_path / "work" / "scores.json"
    images = scenes(3, 5, NUM)
    scores = run(images, score=True, thresholds=[0.2, 0.6], scores_file=str(file), num_clusters=NUM)
    report = json.loads(file.read_text())
    parts = {"settings", "scores", "classes", "match", "shared_pixels", "data", "versions", "sweep"}
    assert set(report) == parts
    shared = report["shared_pixels"]
    found = dict(zip(zip(shared["predicted"], shared["category"], strict=True), shared["pixels"], strict=True))
    expected = Counter()
    for true, predicted, score in images:
        cut = np.where(score >= np.float32(scores["threshold"]), predicted, 0)
        expected.update(zip(cut.ravel().tolist(), true.ravel().tolist(), strict=True))
    assert found == {pair: count for pair, count in expected.items() if pair[0] > 0 and 0 < pair[1] <= NUM}
    assert report["scores"] == {name: None if np.isnan(value) else value for name, value in scores.items()}
    assert report["settings"]["thresholds"] == [0.2, 0.6]
    assert report["classes"]["name"] == list(CLASSES)
    assert {len(values) for values in report["classes"].values()} == {NUM + 1}
    assert report["data"]["images"] == 5
    assert report["data"]["pixels"] + report["data"]["ignored_pixels"] == sum(image[0].size for image in images)
    assert report["versions"]["torch"].startswith(torch.__version__[:3])
    assert len(report["sweep"]["mIoU"]) == 2
    assert report["match"]["0"] == 0


def test_class_table_is_logged(scenes, monkeypatch) -> None:
    logged = []
    monkeypatch.setattr("mmluss.evaluation.evaluation.print_log", lambda text, logger: logged.append(text))
    run(scenes(3, 3, NUM))
    assert len(logged) == 2
    assert "n04" in logged[0]
    assert "mBIoU" in logged[1]


@pytest.mark.parametrize("format_only", [False, True])
def test_predictions_are_written_as_they_are(scenes, tmp_path: Path, format_only: bool) -> None:
    images = [(true, predicted.astype(np.uint16), score) for true, predicted, score in scenes(4, 3, NUM)]
    images[0][1][0, 0] = NUM
    evaluator = Evaluator(LUSSMetric(output_dir=str(tmp_path), format_only=format_only))
    evaluator.dataset_meta = {"classes": CLASSES}
    samples = [data_sample(image, index) for index, image in enumerate(images)]
    samples[1].set_metainfo({"relative_path": "flat"})
    for sample in samples:
        if format_only:
            del sample.gt_sem_seg
    evaluator.process(samples, None)
    assert (evaluator.evaluate(3) == {}) == format_only
    for name, image in zip(("n00/0", "flat", "n02/2"), images, strict=True):
        np.testing.assert_array_equal(read_label_map(tmp_path / f"{name}.png"), image[1])
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 3


@pytest.mark.parametrize("writes", [False, True])
def test_without_masks_predictions_are_written_if_asked_for(scenes, tmp_path: Path, writes: bool) -> None:
    samples = [data_sample(image, index) for index, image in enumerate(scenes(4, 3, NUM))]
    for sample in samples:
        del sample.gt_sem_seg
    # tools/test.py --out sets both.
    out = dict(output_dir=str(tmp_path), keep_results=True) if writes else {}
    evaluator = Evaluator(LUSSMetric(has_masks=False, **out))
    evaluator.dataset_meta = {"classes": ("other",)}
    evaluator.process(samples, None)
    assert evaluator.evaluate(3) == {}
    assert len(list(tmp_path.rglob("*.png"))) == (3 if writes else 0)


def test_metric_starts_anew_after_each_evaluation(scenes) -> None:
    images = scenes(5, 4, NUM)
    metric = LUSSMetric()
    metric.dataset_meta = {"classes": CLASSES}
    results = []
    for _ in range(2):
        metric.process(None, [data_sample(image, index).to_dict() for index, image in enumerate(images)])
        results.append(metric.evaluate(len(images)))
    assert results[0] == pytest.approx(results[1], nan_ok=True)


@pytest.mark.parametrize("num_clusters", [2, 9])
@pytest.mark.parametrize("matching", ["image", "pixel", "majority"])
def test_number_of_predicted_ids_may_differ(scenes, num_clusters: int, matching: str) -> None:
    images = scenes(6, 6, NUM, num_clusters)
    found = run(images, num_clusters=num_clusters, matching=matching)
    assert 0 < found["mIoU"] < 100


def test_ids_without_category_are_foreground_and_never_right(tmp_path: Path) -> None:
    (tmp_path / "match.json").write_text('{"0": 0, "1": 1}')
    true, predicted = np.full((9, 9), 1), np.full((9, 9), 1)
    true[5:], predicted[3:] = 2, 2
    image = (true, predicted, np.zeros((9, 9), np.float32))
    found = run([image], matching=str(tmp_path / "match.json"), boundaries=False)
    assert found["mIoU"] == pytest.approx(100 * (3 / 5) / (NUM + 1))
    assert (found["FMeasure"], found["Acc"]) == (pytest.approx(100), 0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"matching": "best"}, "matching='best'; expected 'image', 'pixel', 'majority', 'identity' or the path"),
        ({"matching": "majority", "thresholds": [0.5]}, "matching='majority' needs predictions of one threshold"),
        ({"format_only": True}, "set output_dir"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        METRICS.build({"type": "LUSSMetric", **options})


@pytest.mark.parametrize(
    ("options", "remove", "change", "message"),
    [
        ({}, "gt_sem_seg", 0, r"n00/0.JPEG: the data sample has no 'gt_sem_seg'; it has"),
        ({"thresholds": [0.5]}, "pred_cluster", 0, r"n00/0.JPEG: the data sample has no 'pred_cluster'"),
        ({}, None, 9, r"n00/0.JPEG: prediction holds id 9; expected 0..4"),
        ({"matching": "match.json"}, None, 9, r"n00/0.JPEG: prediction holds id 9; expected 0..4"),
    ],
)
def test_bad_samples_are_named(scenes, tmp_path, monkeypatch, options, remove, change, message: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path("match.json").write_text('{"0": 0, "1": 2}')
    sample = data_sample(scenes(0, 1, NUM)[0], 0, score=True).to_dict()
    sample.pop(remove, None)
    if change:
        sample["pred_sem_seg"]["data"][0, 0, 0] = change
    metric = LUSSMetric(**options)
    metric.dataset_meta = {"classes": CLASSES}
    with pytest.raises(ValueError, match=message):
        metric.process(None, [sample])


def test_nothing_to_score_is_said() -> None:
    metric = LUSSMetric()
    metric.dataset_meta = {"classes": CLASSES}
    with pytest.raises(ValueError, match="no image has been counted"):
        metric.evaluate(0)


def test_perfect_prediction_of_ids_above_255() -> None:
    true = np.zeros((20, 20), np.int64)
    true[5:, 5:] = 919
    counts = LabelCounts(919)
    counts.update(true.astype(np.uint16), true.astype(np.uint16))
    assert compute_scores(counts, find_matching(counts, "image"))[0]["mIoU"] == pytest.approx(200 / 920)


def test_scores_and_predictions_are_stored_for_later_thresholds(scenes, tmp_path: Path) -> None:
    images = scenes(5, 3, NUM)
    folders = dict(output_dir=str(tmp_path / "pred"), score_dir=str(tmp_path / "score"))
    run(images, score=True, thresholds=[0.2, 0.6], **folders)
    for index, (_, predicted, score) in enumerate(images):
        name = f"n0{index % 3}/{index}.png"
        np.testing.assert_array_equal(read_label_map(tmp_path / "pred" / name), predicted)
        np.testing.assert_allclose(read_score_map(tmp_path / "score" / name), score, atol=1e-5)


def test_stored_scores_give_the_threshold_of_the_run(scenes, tmp_path: Path) -> None:
    images = scenes(6, 5, NUM)
    thresholds = [0.1, 0.35, 0.55, 0.85]
    folders = dict(output_dir=str(tmp_path / "pred"), score_dir=str(tmp_path / "score"))
    expected = run(images, score=True, thresholds=thresholds, **folders)
    for index, (true, *_) in enumerate(images):
        write_label_map(tmp_path / "gt" / f"n0{index % 3}" / f"{index}.png", true)
    evaluation = Evaluation(NUM, thresholds=np.array(thresholds) - 1e-4)
    names = names_to_score(tmp_path / "pred", tmp_path / "gt")
    counts = count_folder(tmp_path / "pred", tmp_path / "gt", names, evaluation, scores=tmp_path / "score")
    found = evaluation.result(counts).scores
    assert found.pop("threshold") == pytest.approx(expected.pop("threshold") - 1e-4)
    assert found == pytest.approx(expected, nan_ok=True)


def test_scores_without_predictions_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="set output_dir, too"):
        LUSSMetric(score_dir=str(tmp_path))
