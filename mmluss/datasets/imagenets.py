# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""ImageNet-S, and any folder of images in its layout, as an mmseg data set."""

import os.path as osp
from collections.abc import Callable, Sequence
from typing import Any

import cv2
from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS

from mmluss.datasets.categories import BACKGROUND, category_names, cluster_metainfo, palette, subset_categories
from mmluss.datasets.label_codec import IGNORE_INDEX
from mmluss.datasets.label_folder import MANIFEST, PIXEL_LABELS
from mmluss.datasets.split_folder import Problem, Sample, folder_categories, list_folder, scan_split
from mmluss.datasets.transforms.loading import read_image_size
from mmluss.utils.atomic_files import read_json

SPLITS = ("train", "train-full", "train-semi", "validation", "test")
SPLITS_WITH_MASKS = ("train-semi", "validation")
_PROBLEMS_SHOWN = 5


@DATASETS.register_module()
class ImageNetSDataset(BaseSegDataset):
    """Images of one split, with label maps where there are some.

    The split's folder holds one folder a category (``SPLIT/CATEGORY/NAME.JPEG``) or images only. Ids are 1 + the
    position in the sorted names of the categories: those of the ImageNet-S subset, or else the folders of ``train``
    (without such, of the first of validation, train-semi and test that has folders), whichever split is read. A
    sample is a dict with

    - ``img_path``,
    - ``seg_map_path`` and ``saliency_path``, where there are such maps,
    - ``relative_path``: ``CATEGORY/NAME``, or ``NAME`` in a split without category folders,
    - ``category``: id of the folder's category, 0 where it is unknown,
    - ``max_id``: highest id that its label map may hold, 1000 aside; None where it is unknown,

    and mmseg's ``label_map`` (None), ``reduce_zero_label`` (False) and ``seg_fields``. The meta information holds
    ``classes`` (N + 1 entries: 'other' and the categories), ``palette``, and ``names``: as ``classes``, in English
    where known. Where label maps hold clusters, these are the K + 1 of ``cluster_metainfo``: 'cluster 7' is no
    category.

    Args:
        data_root: Folder of the splits.
        subset: 50, 300 or 919 for a subset of ImageNet-S, None for other categories.
        split: Name of the split's folder; with a subset one of train, train-full, train-semi, validation and test.
        label_root: Folder of label maps ``CATEGORY/NAME.png``, as seen from the working directory. None:
            ``DATA_ROOT/SPLIT-segmentation`` if it is there (with a subset, train-semi and validation must have it).
            False: no label maps.
        saliency_root: Folder of gray saliency maps ``CATEGORY/NAME.png`` (or another image suffix), as seen from the
            working directory, or None.
        num_clusters: Label maps hold clusters 0..num_clusters, not categories 0..N. By default what the
            ``manifest.json`` in ``label_root`` says, if step 2 wrote one there.
        pipeline: Transforms of a sample, or their configs.
        metainfo: Additions to the meta information; ``classes`` gives other names, N + 1 of them, in the order of ids,
            and is how a data set without category folders gets its categories.
        **kwargs: Further arguments of mmseg's ``BaseSegDataset``: ``test_mode``, ``lazy_init``, ``indices``, ...

    Raises:
        FileNotFoundError: For a missing folder, category folder, label map or saliency map.
        ValueError: For an unknown subset, split or category folder, a split without images, images beside category
            folders, photos that are not read (of another format, or in folders below a category's), two images whose
            names differ in the suffix only, or ``classes`` of a wrong length.

    Example:
        >>> import os, tempfile
        >>> import numpy as np
        >>> from mmluss.datasets.label_codec import write_label_map
        >>> root = tempfile.mkdtemp()
        >>> os.makedirs(f"{root}/validation/cat")
        >>> _ = cv2.imwrite(f"{root}/validation/cat/tom.png", np.zeros((4, 4, 3), np.uint8))
        >>> write_label_map(f"{root}/validation-segmentation/cat/tom.png", np.ones((4, 4), int))
        >>> dataset = ImageNetSDataset(root, split="validation")
        >>> sample = dataset.get_data_info(0)
        >>> dataset.metainfo["classes"], sample["relative_path"]
        (('other', 'cat'), 'cat/tom')
    """

    def __init__(
        self,
        data_root: str,
        subset: int | None = None,
        split: str = "train",
        label_root: str | bool | None = None,
        saliency_root: str | None = None,
        num_clusters: int | None = None,
        pipeline: Sequence[dict | Callable] = (),
        metainfo: dict | None = None,
        **kwargs: Any,
    ) -> None:
        if subset is not None and split not in SPLITS:
            raise ValueError(f"ImageNet-S has the splits {', '.join(SPLITS)}, not {split!r}")
        if kwargs.get("reduce_zero_label"):
            raise ValueError("reduce_zero_label would take the background away, which is scored; leave it out")
        if label_root is True:
            raise ValueError("label_root is a folder, None for the split's own masks, or False for none")
        self.subset = subset
        self.split = split
        self.label_root = label_root
        self.saliency_root = saliency_root
        self.num_clusters = num_clusters or _clusters_of(label_root)
        data_root = str(data_root)
        self.categories = dataset_categories(data_root, subset)
        metainfo = self._metainfo_of_categories(data_root, self._load_metainfo(metainfo))
        super().__init__(
            data_root=data_root,
            data_prefix=dict(img_path=split),
            metainfo=metainfo,
            pipeline=list(pipeline),
            ignore_index=IGNORE_INDEX,
            **kwargs,
        )

    def load_data_list(self) -> list[dict]:
        """Scan the split's folders; see the class for what a sample holds.

        Raises:
            FileNotFoundError: If the first problem is a missing file or folder; the message names several problems.
            ValueError: If it is another one.
        """
        samples, problems = self.scan()
        if problems:
            shown = "\n".join(f"  {problem}" for problem in problems[:_PROBLEMS_SHOWN])
            raise _error_type(problems[0])(
                f"{len(problems)} problem(s) in the {self.split} split of {self.data_root}:\n{shown}\n"
                "tools/misc/check_dataset.py lists all of them"
            )
        return [_data_info(sample) for sample in samples]

    def get_data_info(self, idx: int) -> dict:
        """A sample; see the class. What all samples share is added here and not stored a million times."""
        shared: dict[str, Any] = dict(max_id=self.max_id, label_map=None, reduce_zero_label=False, seg_fields=[])
        return super().get_data_info(idx) | shared

    @property
    def max_id(self) -> int | None:
        """Highest id that a label map may hold, 1000 aside: clusters if given, else N; None where N is unknown."""
        return self.num_clusters or len(self._metainfo["classes"]) - 1 or None

    def scan(self) -> tuple[list[Sample], list[Problem]]:
        """The split's samples and everything that is wrong with its folders, without raising for the latter.

        Raises:
            FileNotFoundError: Where the folder of the split, of its label maps or its saliency maps is missing.
        """
        folder = self.data_prefix["img_path"]
        if not osp.isdir(folder):
            raise FileNotFoundError(f"{folder}: no such folder; {_splits_of(self.data_root)}")
        return scan_split(
            folder,
            self.categories,
            label_root=self._label_folder(),
            saliency_root=self.saliency_root,
            all_categories=self.subset is not None and self.split != "train-full",
            other_categories=self.split == "train-full",
        )

    def prepare_data(self, idx: int) -> dict:
        """Run the pipeline on a sample.

        Raises:
            ValueError: Naming the image, where it cannot be read.
        """
        try:
            return super().prepare_data(idx)
        except (AssertionError, OSError, cv2.error):
            # mmcv's loader gives no reason and does not say which file is empty, so the file is asked once more.
            read_image_size(self.get_data_info(idx)["img_path"])
            raise

    def _label_folder(self) -> str | None:
        if self.label_root is False:
            return None
        if self.label_root is not None:
            return existing_label_root(self.label_root)
        folder = osp.join(self.data_root, f"{self.split}-segmentation")
        if osp.isdir(folder):
            return folder
        if self.subset is not None and self.split in SPLITS_WITH_MASKS:
            raise FileNotFoundError(
                f"{folder}: no such folder, and the {self.split} split of ImageNet-S has masks; prepare them, or set "
                "label_root=False to read images only"
            )
        return None

    def _metainfo_of_categories(self, data_root: str, metainfo: dict) -> dict:
        if self.num_clusters is not None and "classes" not in metainfo:
            return cluster_metainfo(self.num_clusters) | metainfo
        classes = (BACKGROUND, *self.categories)
        names = (BACKGROUND, *(self.categories if self.subset is None else category_names(self.categories)))
        if "classes" in metainfo:
            given = tuple(metainfo["classes"])
            if self.num_clusters is None and self.categories and len(given) != len(classes):
                raise ValueError(
                    f"metainfo has {len(given)} classes, but {data_root} has {len(self.categories)} categories: give "
                    f"{len(classes)} names, that of id 0 ('other') first"
                )
            classes = names = given
        return dict(names=names, palette=palette(len(classes))) | metainfo | dict(classes=classes)


def dataset_categories(data_root: str, subset: int | None = None) -> tuple[str, ...]:
    """Categories of a data set in the order of their ids 1..N; empty where there are no category folders.

    Args:
        data_root: Folder of the splits.
        subset: 50, 300 or 919 for a subset of ImageNet-S, None for the folders found.

    Raises:
        FileNotFoundError: Where there is no such folder.
        ValueError: For another subset.
    """
    if subset is not None:
        return subset_categories(subset)
    if not osp.isdir(data_root):
        raise FileNotFoundError(f"{data_root}: no such folder")
    return folder_categories(data_root)


def existing_label_root(label_root: str) -> str:
    """A folder of label maps, if it is there.

    Raises:
        FileNotFoundError: Where it is not; for the pixel labels of step 2 the message says how to get them.
    """
    if osp.isdir(label_root):
        return label_root
    work_dir, name = osp.split(osp.abspath(label_root))
    if name != PIXEL_LABELS:
        raise FileNotFoundError(f"{label_root}: no such folder (label_root)")
    begun = f"run it again in {work_dir} with --resume" if osp.isdir(work_dir) else "run it first"
    raise FileNotFoundError(
        f"{label_root}: no such folder; step 2 (pixel attention, PseudoLabelHook) writes these label maps when it "
        f"ends: {begun}, or set label_root of train_dataloader.dataset to those of another run"
    )


def _splits_of(data_root: str) -> str:
    if not osp.isdir(data_root):
        return (
            f"nor is there {data_root}: set data_root (--data-root of a pipeline); "
            "tools/dataset_converters/imagenets.py prepares ImageNet-S"
        )
    names = [name for name in list_folder(data_root).folders if not name.endswith("-segmentation")]
    return f"the splits in {data_root} are {', '.join(names)}" if names else f"{data_root} has no folders at all"


def _clusters_of(label_root: str | bool | None) -> int | None:
    """Number of clusters in a folder of pixel labels; None for any other folder."""
    manifest = osp.join(label_root, MANIFEST) if isinstance(label_root, str) else ""
    if not osp.isfile(manifest):
        return None
    return read_json(manifest).get("settings", {}).get("num_clusters")


def _data_info(sample: Sample) -> dict:
    info = dict(img_path=sample.image_path, relative_path=sample.relative_path, category=sample.category)
    if sample.label_path is not None:
        info["seg_map_path"] = sample.label_path
    if sample.saliency_path is not None:
        info["saliency_path"] = sample.saliency_path
    return info


def _error_type(problem: Problem) -> type[Exception]:
    return FileNotFoundError if problem.kind.startswith("missing") else ValueError
