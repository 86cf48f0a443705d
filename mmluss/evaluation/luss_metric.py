# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""All scores of ImageNet-S as a metric of mmsegmentation."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from mmengine.dist import get_rank, get_world_size
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from mmseg.registry import METRICS

from mmluss.datasets.label_codec import write_label_map
from mmluss.datasets.score_codec import write_score_map
from mmluss.evaluation.counts import LabelCounts
from mmluss.evaluation.evaluation import Evaluation, check_options, merge_counts
from mmluss.evaluation.scores import Matching
from mmluss.evaluation.thresholds.threshold_sweep import ThresholdSweep
from mmluss.utils.renamed_arguments import renamed_arguments


@METRICS.register_module()
class LUSSMetric(BaseMetric):
    """Scores of large-scale unsupervised semantic segmentation, from one pass over the data set.

    Reads ``pred_sem_seg`` and ``gt_sem_seg`` of each data sample; with ``thresholds`` instead of ``pred_sem_seg`` the
    fields ``pred_cluster`` (predicted ids before thresholding) and ``foreground_score``. Predicted ids are 0 =
    other and 1..K, true ones 0 = other, 1..N and 1000 = ignored; the data set has N + 1 ``classes``. Predictions on a
    GPU are counted there.

    The result holds, in percent, ``mIoU``, ``Acc``, ``FMeasure``, ``S``, ``MS``, ``ML``, ``L`` and with boundaries
    ``mBIoU``, ``BS``, ``BMS``, ``BML``, ``BL``; with thresholds also the chosen ``threshold``: the first one of the
    largest mIoU.

    Args:
        matching: Which category a predicted id stands for. 'image': one-to-one with the most shared images (the
            benchmark's); 'pixel': one-to-one with the most shared pixels; 'majority': many-to-one, by shared pixels;
            'identity': ids are categories; or the path of a ``match.json``. Ids that stand for no category are
            foreground that is never right.
        match_file: Where to save the matching, or None.
        scores_file: Where to save all figures, settings, versions and counts of the data set as JSON, or None.
        output_dir: Folder for the predictions as RGB-coded PNGs ``CATEGORY/NAME.png`` (predicted ids, not matched), or
            None.
        format_only: Write the predictions to ``output_dir`` and score nothing; ground truth is not needed then.
        has_masks: False for data without masks: as ``format_only``, but without ``output_dir`` nothing is written.
        keep_results: Not used: predictions stay in ``output_dir`` anyway. ``tools/test.py --out`` sets it.
        score_dir: Folder for the field ``foreground_score`` as 16-bit gray PNGs of the same names, or None. With it
            ``output_dir`` gets ``pred_cluster``, so that ``tools/analysis_tools/evaluate_folder.py`` can try
            thresholds later.
        thresholds: Foreground thresholds to choose from, strictly ascending, or None.
        boundaries: Whether to score boundaries.
        num_clusters: Largest predicted id K; N by default. Another number asks for 'image', 'pixel', 'majority' or a
            ``match.json``.
        count_ignored_area: Whether a prediction on ignored pixels makes an id present in an image for the matching,
            as in the benchmark's inference script; its evaluation does not count them.
        collect_device: 'cpu' or 'gpu', as for every metric.
        prefix: Prefix of the names of the scores, or None.

    Attributes:
        match: ``(K + 1,)`` category of each predicted id in the last evaluation, -1 for none; None before one, and in
            all processes but the first.

    Raises:
        ValueError: If an option is unknown or does not go with another.

    Example:
        >>> metric = LUSSMetric()
        >>> metric.dataset_meta = dict(classes=["other", "cat", "dog"])
        >>> predicted, true = torch.tensor([[[0, 2, 2]]]), torch.tensor([[[0, 1, 1]]])
        >>> metric.process(None, [dict(pred_sem_seg=dict(data=predicted), gt_sem_seg=dict(data=true))])
        >>> metric.evaluate(size=1)["Acc"]
        100.0
    """

    @renamed_arguments({"num_predicted": "num_clusters"}, "LUSSMetric")
    def __init__(
        self,
        matching: Matching = "image",
        match_file: str | None = None,
        scores_file: str | None = None,
        output_dir: str | None = None,
        format_only: bool = False,
        has_masks: bool = True,
        keep_results: bool = True,
        score_dir: str | None = None,
        thresholds: Sequence[float] | None = None,
        boundaries: bool = True,
        num_clusters: int | None = None,
        count_ignored_area: bool = False,
        collect_device: Literal["cpu", "gpu"] = "cpu",
        prefix: str | None = None,
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        check_options(matching, num_clusters, thresholds)
        if format_only and output_dir is None:
            raise ValueError("format_only=True writes predictions and nothing else: set output_dir")
        if score_dir is not None and output_dir is None:
            raise ValueError("score_dir gets the scores of the predictions in output_dir: set output_dir, too")
        self.matching = matching
        self.match_file = match_file
        self.scores_file = scores_file
        self.output_dir = output_dir
        self.format_only = format_only or not has_masks
        self.score_dir = score_dir
        self.thresholds = None if thresholds is None else np.asarray(thresholds, np.float64)
        self.boundaries = boundaries
        self.num_clusters = num_clusters
        self.count_ignored_area = count_ignored_area
        self.match: np.ndarray | None = None
        self._evaluation: Evaluation | None = None
        self._counts: LabelCounts | ThresholdSweep | None = None
        self._held_back: tuple[list[torch.Tensor], str] | None = None
        self._seen = 0

    @property
    def largest_id(self) -> int | None:
        """Largest predicted id that is scored; None where predictions are written only. Needs ``dataset_meta``."""
        return None if self.format_only else self._build_evaluation().num_clusters

    def process(self, data_batch: object, data_samples: Sequence[dict]) -> None:
        """Count a batch.

        Args:
            data_batch: Not used.
            data_samples: Data samples as dicts, with maps ``(1, H, W)``.

        Raises:
            ValueError: Naming the image, if sizes differ, an id is out of range or a field is missing.
        """
        for sample in data_samples:
            name = sample.get("img_path") or sample.get("relative_path") or f"image {self._seen}"
            if self.output_dir is not None:
                self._write_prediction(sample, name)
            self._seen += 1
            if self.format_only:
                continue
            fields = ["pred_sem_seg"] if self.thresholds is None else ["pred_cluster", "foreground_score"]
            predicted, *score = [_map(sample, field, name) for field in fields]
            maps = [predicted, _map(sample, "gt_sem_seg", name).to(predicted.device), *score]
            self._count_held_back()
            # Distributed samplers repeat an image on some ranks, always as the last one of a rank. Whether it is a
            # repeated one is known when the size of the data set is, so the last image waits.
            self._held_back = (maps, name)
            if get_world_size() == 1:
                self._count_held_back()

    def evaluate(self, size: int) -> dict[str, float]:
        """Score what was counted on all ranks.

        Args:
            size: Number of images of the data set.

        Returns:
            The scores, on every rank.
        """
        if (self._seen - 1) * get_world_size() + get_rank() >= size:
            self._held_back = None
        self._count_held_back()
        self.results = [None if self.format_only else self._counts or self._new_evaluation().new_counts()]
        self._counts, self._seen = None, 0
        return super().evaluate(get_world_size())

    def compute_metrics(self, results: list[Any]) -> dict[str, float]:
        """Score the counts of all ranks and write the files asked for.

        Args:
            results: The counts of each rank, or None where nothing is scored.

        Returns:
            The scores in percent.
        """
        if self.output_dir is not None:
            print_log(f"predictions are in {self.output_dir}", logger="current")
        if self.format_only:
            return {}
        counts, *others = results
        for other in others:
            merge_counts(counts, other)
        assert self._evaluation is not None
        result = self._evaluation.result(counts)
        self.match = result.match
        names = self.dataset_meta.get("names") or self.dataset_meta["classes"]
        result.log(names)
        result.write(names, self._settings(), self.match_file, self.scores_file)
        return result.scores

    def _new_evaluation(self) -> Evaluation:
        self._evaluation = self._build_evaluation()
        return self._evaluation

    def _build_evaluation(self) -> Evaluation:
        return Evaluation(
            len(self.dataset_meta["classes"]) - 1,
            self.matching,
            self.num_clusters,
            self.boundaries,
            self.count_ignored_area,
            self.thresholds,
        )

    def _count_held_back(self) -> None:
        if self._held_back is None:
            return
        maps, name = self._held_back
        self._held_back = None
        if self._counts is None or self._evaluation is None:
            self._counts = self._new_evaluation().new_counts()
        assert self._evaluation is not None
        # What lies in host memory is counted faster as arrays; tensors on a GPU stay there.
        predicted, true, *score = maps if maps[0].is_cuda else [labels.numpy() for labels in maps]
        self._evaluation.update(self._counts, predicted, true, score[0] if score else None, name)

    def _write_prediction(self, sample: dict, name: str) -> None:
        image = Path(name)
        relative = sample.get("relative_path") or f"{image.parent.name}/{image.stem}"
        field = "pred_sem_seg" if self.score_dir is None else "pred_cluster"
        write_label_map(Path(str(self.output_dir), f"{relative}.png"), _map(sample, field, name).cpu().numpy())
        if self.score_dir is not None:
            scores = _map(sample, "foreground_score", name).cpu().numpy()
            write_score_map(Path(self.score_dir, f"{relative}.png"), scores)

    def _settings(self) -> dict:
        names = ("matching", "thresholds", "boundaries", "num_clusters", "count_ignored_area")
        return {name: getattr(self, name) for name in names}


def _map(sample: dict, field: str, name: str) -> torch.Tensor:
    if field not in sample:
        raise ValueError(f"{name}: the data sample has no {field!r}; it has {', '.join(sample)}")
    return sample[field]["data"][0]
