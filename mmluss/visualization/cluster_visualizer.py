# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""mmsegmentation's visualizer for predictions whose ids are clusters beside masks whose ids are categories."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmengine.structures import PixelData
from mmseg.registry import VISUALIZERS
from mmseg.structures import SegDataSample
from mmseg.visualization import SegLocalVisualizer

from mmluss.datasets.categories import palette as default_palette


@VISUALIZERS.register_module()
class ClusterLocalVisualizer(SegLocalVisualizer):
    """Draws predictions with names and colors of their own; predicted ids that have none are drawn as 'cluster 7'.

    Attributes:
        prediction_meta: ``classes`` and ``palette`` by predicted id; None where predictions have the data set's.
            ``ClusterNamesHook`` sets it.

    Args:
        name: Name of the instance.
        **kwargs: As for mmsegmentation's ``SegLocalVisualizer``.
    """

    def __init__(self, name: str = "visualizer", **kwargs: Any) -> None:
        super().__init__(name, **kwargs)
        self.prediction_meta: dict[str, Any] | None = None
        self._prediction: PixelData | None = None

    def add_datasample(
        self, name: str, image: np.ndarray, data_sample: SegDataSample | None = None, *args: Any, **kwargs: Any
    ) -> None:
        """Draw a data sample; the arguments are those of ``SegLocalVisualizer``."""
        self._prediction = None if data_sample is None else data_sample.get("pred_sem_seg")
        super().add_datasample(name, image, data_sample, *args, **kwargs)

    def _draw_sem_seg(
        self,
        image: np.ndarray,
        sem_seg: PixelData,
        classes: Sequence[str] | None,
        palette: Sequence[Sequence[int]] | None,
        with_labels: bool | None = True,
    ) -> np.ndarray:
        ids: Any = sem_seg.data
        if sem_seg is self._prediction:
            meta = self.prediction_meta or dict(classes=classes, palette=palette)
            count = max(len(meta["classes"]), int(ids.max()) + 1)
            classes, palette = named_up_to(count, meta["classes"], meta["palette"])
        return super()._draw_sem_seg(image, sem_seg, classes, palette, with_labels)


def named_up_to(
    count: int, classes: Sequence[str], palette: Sequence[Sequence[int]]
) -> tuple[list[str], list[Sequence[int]]]:
    """Names and colors of ids 0..count - 1: those given, then 'cluster 7' in a color of its own.

    Args:
        count: Number of ids.
        classes: Names of the first ids.
        palette: RGB of the first ids.
    """
    names = [*classes, *(f"cluster {index}" for index in range(len(classes), count))]
    return names, [*palette, *default_palette(count)[len(palette) :]]
