# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Predictions, matchings and lists that cannot be scored or submitted."""

import json

import numpy as np
import pytest
import torch

from mmluss.datasets.label_codec import write_label_map
from mmluss.evaluation import LUSSMetric
from mmluss.evaluation.evaluation import Evaluation
from mmluss.evaluation.folder import count_folder, names_to_score, read_name_list
from mmluss.evaluation.matching import read_match
from mmluss.evaluation.submission import Method, check_predictions, named_image_sizes, read_method
from tests.helpers.bad_inputs import check, table

ZEROS = np.zeros((2, 3), np.int64)


@pytest.fixture
def root(tmp_path):
    for name in ("a/1", "a/2"):
        write_label_map(tmp_path / "truth" / f"{name}.png", ZEROS + 1)
        write_label_map(tmp_path / "predicted" / f"{name}.png", ZEROS + 2)
    return tmp_path


def _match(root, text):
    (root / "match.json").write_text(text)
    return read_match(root / "match.json", 3)


def _update(predicted, true=ZEROS, **settings):
    evaluation = Evaluation(3, **settings)
    evaluation.update(evaluation.new_counts(), predicted, true, name="a/1")


def unknown_matching(root):
    LUSSMetric(matching="hungarian")


def majority_at_many_thresholds(root):
    LUSSMetric(matching="majority", thresholds=[0.1, 0.2])


def format_only_to_nowhere(root):
    LUSSMetric(format_only=True)


def thresholds_in_disorder(root):
    Evaluation(3, thresholds=[0.2, 0.1]).new_counts()


def no_matching_file(root):
    read_match(root / "match.json", 3)


def matching_that_is_a_list(root):
    _match(root, "[1, 2]")


def matching_that_was_cut_off(root):
    _match(root, '{"0": 0, "1": ')


def matching_of_names(root):
    _match(root, '{"dog": 1}')


def matching_to_a_category_that_is_not(root):
    _match(root, '{"1": 4}')


def matching_to_half_a_category(root):
    _match(root, '{"1": 0.5}')


def matching_of_a_negative_id(root):
    _match(root, '{"-1": 1}')


def matching_of_an_id_beyond_all_label_maps(root):
    _match(root, '{"99999999999": 1}')


def matching_of_an_id_twice(root):
    _match(root, '{"1": 1, "01": 2}')


def matching_of_nested_lists(root):
    _match(root, "[" * 100_000)


def prediction_of_another_size(root):
    _update(np.zeros((3, 3), np.int64))


def prediction_of_fractions(root):
    _update(ZEROS / 2)


def predicted_id_without_a_cluster(root):
    _update(ZEROS + 4)


def true_id_without_a_category(root):
    _update(ZEROS, ZEROS + 4)


def nothing_to_score(root):
    evaluation = Evaluation(3)
    evaluation.result(evaluation.new_counts())


def too_many_categories(root):
    Evaluation(1000).new_counts()


def sample_without_ground_truth(root):
    metric = LUSSMetric()
    metric.dataset_meta = dict(classes=("other", "a"))
    metric.process(None, [dict(pred_sem_seg=dict(data=torch.zeros(1, 2, 3)), img_path="a/1.jpg")])


def list_without_names(root):
    (root / "list.txt").write_text("\n")
    read_name_list(root / "list.txt")


def list_with_a_name_twice(root):
    (root / "list.txt").write_text("a/1.JPEG\na/1.png\n")
    read_name_list(root / "list.txt")


def list_that_leads_out_of_the_folder(root):
    (root / "list.txt").write_text("a/1.JPEG\n../../etc/passwd\n")
    read_name_list(root / "list.txt")


def prediction_that_is_missing(root):
    (root / "predicted" / "a" / "2.png").unlink()
    names_to_score(root / "predicted", root / "truth")


def prediction_of_an_image_unknown(root):
    write_label_map(root / "predicted" / "b" / "1.png", ZEROS)
    names_to_score(root / "predicted", root / "truth")


def folder_of_predictions_that_is_missing(root):
    names_to_score(root / "nowhere", root / "truth")


def predictions_that_are_damaged(root):
    (root / "predicted" / "a" / "1.png").write_bytes(b"x")
    count_folder(root / "predicted", root / "truth", ["a/1", "a/2"], Evaluation(3))


def submission_with_ids_without_category(root):
    check_predictions(root / "predicted", ["a/1", "a/2"], 1)


def submission_of_another_size(root):
    check_predictions(root / "predicted", ["a/1", "a/2"], 3, sizes={"a/1": (2, 3), "a/2": (5, 5)})


def submission_without_images(root):
    named_image_sizes(root / "nowhere")


def method_of_two_lines(root):
    (root / "method.txt").write_text("Method name: x\nTraining data: y\n")
    read_method(root / "method.txt")


def method_without_a_name(root):
    Method("", "data", "scheme", "networks", "link", "description").text()


@table(globals())
def test_message(act, root):
    check(act, root)


def test_every_message_is_of_a_case():
    """No message outlives its case; the functions of the other modules are found by their names in the source."""
    from tests.helpers.bad_inputs import MESSAGES

    source = "".join(path.read_text(encoding="utf-8") for path in MESSAGES.parent.glob("test_*.py"))
    messages = json.loads(MESSAGES.read_text(encoding="utf-8"))
    assert len(messages) >= 60
    assert [name for name in messages if f"def {name}(root):" not in source] == []
