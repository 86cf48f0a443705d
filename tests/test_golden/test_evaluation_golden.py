# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import json
import zipfile

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmseg.registry import METRICS

from mmluss.evaluation import ThresholdSweep
from mmluss.evaluation.counts import LabelCounts
from mmluss.evaluation.image_histogram import image_histogram
from mmluss.evaluation.matching import assign_one_to_one, match_to_json, read_match, write_match
from mmluss.evaluation.scores import compute_scores
from mmluss.evaluation.submission import Method, write_submission


def maps(arrays: dict[str, np.ndarray], kind: str) -> list[np.ndarray]:
    return [arrays[f"{kind}{i}"] for i in range(sum(key.removeprefix(kind).isdigit() for key in arrays))]


def field(labels: np.ndarray) -> dict[str, torch.Tensor]:
    return {"data": torch.from_numpy(labels.astype(np.int64 if labels.dtype.kind in "iu" else np.float32))[None]}


def evaluate(num: int, true: list, predicted: list, scores_file, score: list | None = None, **options) -> dict:
    """Run LUSSMetric as a test loop does and read what it wrote."""
    metric = METRICS.build({"type": "LUSSMetric", "scores_file": str(scores_file), **options})
    metric.dataset_meta = {"classes": ["other", *map(str, range(1, num + 1))]}
    for i, (truth, prediction) in enumerate(zip(true, predicted, strict=True)):
        sample = {"pred_sem_seg": field(prediction), "gt_sem_seg": field(truth), "img_path": f"n{i}/{i}.JPEG"}
        if score is not None:
            sample |= {"pred_cluster": field(prediction), "foreground_score": field(score[i])}
        metric.process(None, [sample])
    result = metric.evaluate(len(true))
    return {"result": result} | json.loads(scores_file.read_text())


def assert_scores(case, found: dict, metrics: np.ndarray, ious: np.ndarray) -> None:
    values = [found["result"][name] for name in case.settings["metrics"]]
    np.testing.assert_allclose(values, metrics, rtol=0, atol=case.limit("metrics"))
    np.testing.assert_allclose(found["classes"]["IoU"], ious, rtol=0, atol=case.limit("ious"))


def assert_match(found: np.ndarray, forced: np.ndarray) -> None:
    np.testing.assert_array_equal(found[forced >= 0], forced[forced >= 0])


@pytest.mark.golden_kind("evaluation")
def test_plain_scores(case, tmp_path) -> None:
    arrays, num = case.arrays, case.settings["num_classes"]
    found = evaluate(num, maps(arrays, "gt"), maps(arrays, "pred"), tmp_path / "scores.json")
    assert_scores(case, found, arrays["final_metrics"], arrays["final_ious"])
    assert_scores(case, found, arrays["toolbox_metrics"], arrays["toolbox_ious"])
    match = np.array([found["match"][str(i)] for i in range(num + 1)])
    assert_match(match, arrays["toolbox_forced_match"])


@pytest.mark.golden_kind("evaluation")
def test_scores_of_a_matching_file(case, tmp_path) -> None:
    arrays, num = case.arrays, case.settings["num_classes"]
    for match, name in ((arrays["toolbox_match"], "toolbox"), (np.r_[0, arrays["final_match"] + 1], "final")):
        write_match(tmp_path / "match.json", match)
        options = {"matching": str(tmp_path / "match.json")}
        found = evaluate(num, maps(arrays, "gt"), maps(arrays, "pred"), tmp_path / "scores.json", **options)
        assert_scores(case, found, arrays[f"{name}_metrics"], arrays[f"{name}_ious"])


@pytest.mark.golden_kind("evaluation")
def test_scores_of_matched_predictions(case, tmp_path) -> None:
    arrays, num = case.arrays, case.settings["num_classes"]
    true, predicted = maps(arrays, "gt"), maps(arrays, "pred")
    found = evaluate(num, true, predicted, tmp_path / "scores.json", matching="identity")
    assert_scores(case, found, arrays["toolbox_raw_metrics"], arrays["toolbox_raw_ious"])


@pytest.mark.golden_kind("evaluation")
def test_best_threshold(case, tmp_path) -> None:
    arrays, num = case.arrays, case.settings["num_classes"]
    true, predicted, score = (maps(arrays, kind) for kind in ("gt", "pred", "logit"))
    thresholds = arrays["thresholds"].tolist()
    found = evaluate(num, true, predicted, tmp_path / "scores.json", score, thresholds=thresholds)
    best = int(arrays["best_index"])
    assert found["result"]["threshold"] == arrays["best_threshold"]
    assert_scores(case, found, arrays["curve_metrics"][best], arrays["curve_ious"][best])
    column = case.settings["metrics"].index("mIoU")
    unique = arrays["curve_unique"] == 1
    curve = np.array(found["sweep"]["mIoU"])
    expected = arrays["curve_metrics"][unique, column]
    np.testing.assert_allclose(curve[unique], expected, rtol=0, atol=case.limit("metrics"))


@pytest.mark.golden_kind("evaluation")
def test_all_scores_at_every_threshold(case) -> None:
    arrays = case.arrays
    sweep = ThresholdSweep(case.settings["num_classes"], arrays["thresholds"], all_scores=True)
    for i, (true, predicted, score) in enumerate(zip(*(maps(arrays, k) for k in ("gt", "pred", "logit")), strict=True)):
        sweep.update(predicted, true, score, f"image {i}")
    result = sweep.compute()
    assert result["best_index"] == arrays["best_index"]
    assert result["best_threshold"] == arrays["best_threshold"]
    for index in np.flatnonzero(arrays["curve_unique"]):
        match, counts = result["matches"][index], sweep.at(index)
        shared = counts.shared_images()
        assert shared[np.arange(len(shared)), match[1:] - 1].sum() == arrays["curve_total"][index]
        assert_match(match[1:] - 1, arrays["curve_forced_match"][index])
        scores, classes = compute_scores(counts, match)
        values = [scores[name] for name in case.settings["metrics"]]
        np.testing.assert_allclose(values, arrays["curve_metrics"][index], rtol=0, atol=case.limit("metrics"))
        np.testing.assert_allclose(classes["IoU"], arrays["curve_ious"][index], rtol=0, atol=case.limit("ious"))


@pytest.mark.golden_kind("match_json")
def test_matching_file(case, tmp_path) -> None:
    arrays, num = case.arrays, case.settings["num_classes"]
    true = arrays["gt"]
    logits = F.interpolate(torch.from_numpy(arrays["logits"]), true.shape[1:], mode="bilinear", align_corners=False)
    labels = logits.argmax(1).numpy()
    np.testing.assert_array_equal(labels, arrays["label"])
    found = LabelCounts(num, boundaries=False, count_ignored_area=True)
    for label, truth in zip(labels, true, strict=True):
        found.update(label, truth)
    counts = found.shared_images()
    np.testing.assert_array_equal(counts, arrays["counts"])
    match = assign_one_to_one(counts)
    assert counts[np.arange(num), match[1:] - 1].sum() == case.settings["best_total"]
    forced = arrays["forced_pairs"][arrays["forced"] == 1]
    np.testing.assert_array_equal(match[forced[:, 0]], forced[:, 1])

    metric_file = tmp_path / "match.json"
    options = {"count_ignored_area": True, "boundaries": False, "match_file": str(metric_file)}
    evaluate(num, list(true), list(labels), tmp_path / "scores.json", **options)
    np.testing.assert_array_equal(read_match(metric_file, num)[forced[:, 0]], forced[:, 1])

    text = arrays["match_json"].tobytes().decode()
    pairs = {int(key): value for key, value in json.loads(text).items()}
    assert match_to_json(np.array([pairs[i] for i in range(num + 1)])) == text
    for written in (metric_file.read_text(), match_to_json(match)):
        assert list(json.loads(written)) == list(json.loads(text))


@pytest.mark.golden_kind("semi_evaluate")
@pytest.mark.parametrize("suffix", ["", "_limited"])
def test_scores_of_supervised_predictions(case, suffix: str, tmp_path) -> None:
    arrays, num = case.arrays, case.settings["nb_classes"]
    limit = case.settings["max_res_limited"] if suffix else None
    true, predicted, limited = maps(arrays, "label"), [], 0
    for truth, logits in zip(true, maps(arrays, "logits"), strict=True):
        height, width = truth.shape
        size = (height, width)
        if limit is not None and height * width > limit**2:
            limited += 1
            size = (limit, int(limit * width / height)) if height > width else (int(limit * height / width), limit)
        resized = F.interpolate(torch.from_numpy(logits)[None], size, mode="bilinear", align_corners=False)
        label = resized.argmax(1, keepdim=True).float()
        predicted.append(F.interpolate(label, (height, width))[0, 0].numpy().astype(np.uint16))
    if suffix:
        assert limited == arrays["n_limited"]
    options = {"matching": "identity", "boundaries": False}
    found = evaluate(num - 1, true, predicted, tmp_path / "scores.json", **options)
    tolerance = case.tolerance["abs"]
    assert found["result"]["mIoU"] == pytest.approx(float(arrays[f"miou{suffix}"]), abs=tolerance)
    assert found["result"]["FMeasure"] == pytest.approx(float(arrays[f"fmeasure{suffix}"]), abs=tolerance)
    np.testing.assert_allclose(found["classes"]["IoU"], arrays[f"ious{suffix}"], rtol=0, atol=tolerance)


@pytest.mark.golden_kind("inference")
def test_submission(case, tmp_path) -> None:
    fields = case.settings["method_fields"]
    method = Method(
        name=fields["method"],
        training_data=fields["train_data"],
        training_scheme=fields["train_scheme"],
        networks=fields["arch"],
        link=fields["link"],
        description=fields["description"],
    )
    assert method.text().encode() == case.arrays["method_txt"].tobytes()
    names = [name.removesuffix(".png") for name in case.settings["zip_names"] if name.endswith(".png")]
    for name in names:
        file = tmp_path / f"{name}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"a picture")
    match = np.arange(3) if "match.json" in case.settings["zip_names"] else None
    write_submission(tmp_path / "submission.zip", tmp_path, names, method, match)
    with zipfile.ZipFile(tmp_path / "submission.zip") as archive:
        assert sorted(archive.namelist()) == sorted(case.settings["zip_names"])
        assert archive.read("method.txt") == case.arrays["method_txt"].tobytes()


@pytest.mark.golden_kind("evaluation")
def test_counts_on_tensors_are_those_on_arrays(case) -> None:
    arrays = case.arrays
    for true, predicted in zip(maps(arrays, "gt"), maps(arrays, "pred"), strict=True):
        expected = image_histogram(predicted, true, True)
        tensors = (torch.from_numpy(labels.astype(np.int64)) for labels in (predicted, true))
        np.testing.assert_array_equal(image_histogram(*tensors, True).pixels, expected.pixels)
