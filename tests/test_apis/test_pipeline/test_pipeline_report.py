# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import base64
import json
import re

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from skimage import data

from mmluss.apis.pipeline import pipeline_report
from mmluss.apis.pipeline.pipeline_report import write_pipeline_report
from mmluss.datasets.categories import cluster_metainfo
from mmluss.datasets.label_codec import write_label_map
from mmluss.evaluation.evaluation import Evaluation
from mmluss.evaluation.matching import matched_metainfo

CATEGORIES = ("cat", "coffee", "rocket")
CLUSTERS, IMAGES = 5, 4
# Cluster of each category's images.
CLUSTER_OF = (4, 1, 3)
NAMES = ("other", "coffee", "cluster 2", "rocket", "cat", "cluster 5")


def write_data(root) -> None:
    rng = np.random.default_rng(0)
    for category, image in zip(CATEGORIES, (data.chelsea(), data.coffee(), data.rocket()), strict=True):
        (root / "train" / category).mkdir(parents=True)
        for index in range(IMAGES):
            top, left = rng.integers(0, image.shape[0] - 160), rng.integers(0, image.shape[1] - 200)
            piece = image[top : top + 160, left : left + 200]
            cv2.imwrite(str(root / "train" / category / f"{index}.JPEG"), piece[..., ::-1])


def write_work(work, root, masks: bool) -> dict:
    """What a pipeline leaves, as far as its page looks at it; the report that it returns."""
    labels, finetuned = work / "2_pixel_attention", work / "3_finetune"
    pipeline = [dict(type="LoadImageFromFile")]
    dataset = dict(type="ImageNetSDataset", data_root=str(root), split="train", pipeline=pipeline)
    config = dict(
        train_dataloader=dict(batch_size=2, dataset=dataset),
        test_dataloader=dict(dataset=dict(dataset, split="validation")),
        default_hooks=dict(pseudo_labels=dict(type="PseudoLabelHook")),
    )
    labels.mkdir(parents=True)
    Config(config).dump(labels / "config.py")
    centroids = np.eye(CLUSTERS, 8, dtype=np.float32)
    rows = []
    for category, cluster in zip(CATEGORIES, CLUSTER_OF, strict=True):
        for index in range(IMAGES):
            ids = np.zeros((160, 200), int)
            ids[30:130, 40:160] = cluster
            write_label_map(labels / "pixel_labels" / category / f"{index}.png", ids)
            rows.append(centroids[cluster - 1] + 0.1 * index)
    (labels / "clustering").mkdir()
    unit = np.array(rows) / np.linalg.norm(rows, axis=1, keepdims=True)
    np.save(labels / "clustering" / "embeddings.npy", unit.astype(np.float16))
    np.save(labels / "centroids.npy", centroids)
    threshold = dict(value=0.4)
    if masks:
        threshold |= dict(thresholds=[0.2, 0.4, 0.6], miou_of_threshold=[30.0, 50.0, 40.0])
    manifest = dict(settings=dict(num_clusters=CLUSTERS, threshold="val" if masks else 0.4), threshold=threshold)
    (labels / "pixel_labels" / "manifest.json").write_text(json.dumps(manifest))
    for step, loss in (("1_pretrain", 5.0), ("3_finetune", 2.0)):
        (work / step / "20260101" / "vis_data").mkdir(parents=True)
        lines = [json.dumps(dict(step=index, loss=loss / index)) for index in range(1, 9)]
        (work / step / "20260101" / "vis_data" / "scalars.json").write_text("\n".join(lines))
    meta = cluster_metainfo(CLUSTERS)
    if masks:
        meta = write_scores(work / "4_test")
    torch.save(dict(meta=dict(dataset_meta=meta), state_dict={}), finetuned / "epoch_1.pth")
    (finetuned / "last_checkpoint").write_text("epoch_1.pth")
    miou = {"pixel labels (step 2)": 40.0, "fine-tuned (step 4)": 45.5} if masks else {}
    return dict(
        data_root=str(root), protocol="my protocol", miou=miou, steps=[dict(name="a", seconds=90.0, figures={})]
    )


def write_scores(folder) -> dict:
    evaluation = Evaluation(len(CATEGORIES), "pixel", CLUSTERS)
    counts = evaluation.new_counts()
    for category, cluster in enumerate(CLUSTER_OF, 1):
        true, predicted = np.zeros((40, 40), int), np.zeros((40, 40), int)
        true[:20], predicted[:20] = category, cluster
        predicted[:2] = 2
        evaluation.update(counts, predicted, true)
    names = ("other", *CATEGORIES)
    result = evaluation.result(counts)
    folder.mkdir()
    result.write(names, {}, folder / "match.json", folder / "scores.json")
    return matched_metainfo(result.match, CLUSTERS, dict(classes=names))


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("my data")
    write_data(root)
    return root


@pytest.fixture(scope="module")
def page(root, tmp_path_factory):
    work = tmp_path_factory.mktemp("work")
    return write_pipeline_report(work, write_work(work, root, masks=True))


def charts(text: str) -> dict[str, str]:
    found = re.findall(r"(<svg.*?</svg>)\s*<figcaption>(.*?)</figcaption>", text, re.S)
    return {caption: svg for svg, caption in found}


def test_scores_confusion_and_sweep_are_on_the_page(page):
    text = page.read_text()
    scores = json.loads((page.parents[1] / "4_test" / "scores.json").read_text())["scores"]
    assert f"<b>{scores['mIoU']:.1f}</b>" in text and f"<b>{scores['FMeasure']:.1f}</b>" in text
    assert "nan" not in re.sub(r"base64,[^\"]*", "", text)
    drawn = charts(text)
    assert set(drawn) == {
        "loss: step 1",
        "loss: step 3",
        "threshold on validation photos",
        "share of each category in each cluster",
    }
    confusion = drawn["share of each category in each cluster"]
    words = [word for word in re.findall(r">([\w ]+)</text>", confusion) if word in {*NAMES, *CATEGORIES}]
    # Rows make a diagonal; cluster 2 has a little of each category, cluster 5 nothing.
    assert words == [*CATEGORIES, "cat", "cluster 2", "coffee", "rocket", "cluster 5"]
    for shown in ("my protocol", "1.5 minutes", "mIoU, fine-tuned (step 4)", "45.50", "0.400 (val)"):
        assert shown in text


def test_clusters_have_the_names_that_the_test_found(page):
    text = page.read_text()
    found = re.findall(r'id="cluster-(\d)">.*?<h3>(.*?)</h3>.*?· (\d) photo', text, re.S)
    assert {(int(id_), name, int(count)) for id_, name, count in found} == {
        (1, "coffee", IMAGES),
        (2, "cluster 2", 0),
        (3, "rocket", IMAGES),
        (4, "cat", IMAGES),
        (5, "cluster 5", 0),
    }
    gallery = text[text.index('id="cluster-4"') : text.index("</article>", text.index('id="cluster-4"'))]
    assert re.findall(r"<figcaption>(.*?)</figcaption>", gallery) == [f"cat/{index}" for index in range(IMAGES)]
    shown = base64.b64decode(re.search(r"base64,([^\"]*)", gallery).group(1))
    pixels = cv2.imdecode(np.frombuffer(shown, np.uint8), cv2.IMREAD_COLOR)
    # Inside of the outline a picture has the photo's colors: the cat is red, not blue.
    assert pixels[60:100, 70:130, 2].mean() > pixels[60:100, 70:130, 0].mean() + 20


def test_without_masks_there_are_no_scores(root, tmp_path):
    text = write_pipeline_report(tmp_path, write_work(tmp_path, root, masks=False)).read_text()
    assert 'id="scores"' not in text and "threshold on validation photos" not in text
    assert "<h3>cluster 4</h3>" in text and "cat/0" in text


def test_of_many_images_a_sample_is_looked_at(root, tmp_path, monkeypatch):
    monkeypatch.setattr(pipeline_report, "MOST_IMAGES", 6)
    text = write_pipeline_report(tmp_path, write_work(tmp_path, root, masks=True), seed=1).read_text()
    assert "a sample of 6 images" in text and f"{3 * IMAGES} in " in text
    assert sum(map(int, re.findall(r"· (\d) photo", text))) == 6


@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1280])
def test_page_in_a_browser(browser, page, width):
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", dict(width=width, height=900, deviceScaleFactor=1, mobile=width < 500)
    )
    browser.get(page.as_uri())
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    scores = browser.find_element("id", "scores")
    browser.execute_script("arguments[0].scrollIntoView()", scores)
    assert scores.is_displayed() and "mIoU" in scores.text
    for svg in browser.find_elements("css selector", "figure svg"):
        assert svg.is_displayed() and svg.size["width"] >= 250 and svg.size["height"] >= 100
    for image in browser.find_elements("css selector", ".gallery img"):
        browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", image)
        browser.execute_async_script("arguments[0].decode().then(arguments[1])", image)
        assert image.is_displayed() and image.size["width"] >= 100
    assert [entry for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")] == []
