# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Photos below a folder as a data set of mmsegmentation."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS

from mmluss.datasets.categories import cluster_metainfo, palette
from mmluss.datasets.label_codec import IGNORE_INDEX
from mmluss.datasets.photos.listing import list_photos, read_photo_list
from mmluss.utils.image_files import PHOTO_SUFFIXES
from mmluss.utils.safe_paths import leads_out


@DATASETS.register_module()
class PhotoFolderDataset(BaseSegDataset):
    """All photos below a folder, without categories; with ``label_root`` their label maps.

    A sample holds ``img_path``, ``relative_path`` (the path below the folder with its suffix, so that ``a.jpg`` and
    ``a.png`` stay apart: label maps are ``LABEL_ROOT/a.jpg.png``), ``category`` (0, none), with labels
    ``seg_map_path``, and what mmseg's transforms expect.

    Args:
        data_root: The folder.
        photo_list: Text file with the paths below it to take, one a line, UTF-8; None to search the folder.
        label_root: Folder of label maps, or None or False for none.
        num_clusters: Highest id in the label maps; None where it does not matter.
        pipeline: Transforms; a first ``LoadImageFromFile`` is replaced by ``LoadPhoto``.
        metainfo: Additions to the meta information; ``classes`` are the names by id, the background's first.
        **kwargs: Further arguments of mmseg's ``BaseSegDataset``.

    Raises:
        FileNotFoundError: If there is no such folder, list or label map.
        ValueError: If there is no photo, or one of the list does not lie below the folder.
    """

    def __init__(
        self,
        data_root: str,
        photo_list: str | None = None,
        label_root: str | bool | None = None,
        num_clusters: int | None = None,
        pipeline: Sequence[dict | Callable] = (),
        metainfo: dict | None = None,
        **kwargs: Any,
    ) -> None:
        self.photo_list = photo_list
        self.label_root = label_root or None
        self.num_clusters = num_clusters
        metainfo = dict(metainfo or {})
        if "classes" in metainfo:
            metainfo = dict(palette=palette(len(metainfo["classes"]))) | metainfo
        else:
            metainfo = cluster_metainfo(num_clusters or 0) | metainfo
        super().__init__(
            data_root=str(data_root),
            data_prefix=dict(img_path=""),
            metainfo=metainfo,
            pipeline=[_photo_loader(step) if index == 0 else step for index, step in enumerate(pipeline)],
            ignore_index=IGNORE_INDEX,
            **kwargs,
        )

    def load_data_list(self) -> list[dict]:
        """List the photos; see the class for what a sample holds.

        Raises:
            FileNotFoundError: If there is no such folder, list or label map.
            ValueError: If there is no photo, or one of the list does not lie below the folder.
        """
        if self.photo_list is None:
            photos = list_photos(self.data_root, check=False).photos
        else:
            photos = read_photo_list(self.photo_list)
        outside = [path for path in photos if leads_out(path)]
        if outside:
            raise ValueError(f"{self.photo_list}: {outside[0]!r} is no path below {self.data_root}")
        if not photos:
            raise ValueError(
                f"{self.photo_list or self.data_root}: no photos (looked for {', '.join(sorted(PHOTO_SUFFIXES))})"
            )
        samples: list[dict[str, Any]] = [
            dict(img_path=str(Path(self.data_root, path)), relative_path=path, category=0) for path in photos
        ]
        if self.label_root is not None:
            for sample in samples:
                sample["seg_map_path"] = str(Path(str(self.label_root), f"{sample['relative_path']}.png"))
            missing = [s["seg_map_path"] for s in samples if not Path(s["seg_map_path"]).is_file()]
            if missing:
                raise FileNotFoundError(
                    f"{len(missing)} of {len(samples)} label maps are missing, such as {missing[0]}"
                )
        return samples

    def get_data_info(self, idx: int) -> dict:
        """A sample; see the class."""
        shared: dict[str, Any] = dict(max_id=self.num_clusters, label_map=None, reduce_zero_label=False, seg_fields=[])
        return super().get_data_info(idx) | shared


def _photo_loader(step: dict | Callable) -> dict | Callable:
    return dict(type="LoadPhoto") if isinstance(step, dict) and step["type"] == "LoadImageFromFile" else step
