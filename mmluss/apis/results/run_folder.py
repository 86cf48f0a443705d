# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Where everything is in a folder of results."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from mmluss.apis.results.cluster_names import ClusterNames, read_cluster_names
from mmluss.apis.results.photo_table import PhotoTable, make_photo_table
from mmluss.apis.steps.training_folder import last_checkpoint
from mmluss.checkpoints.files import read_centroids
from mmluss.datasets.label_folder import CENTROIDS, EMBEDDINGS
from mmluss.datasets.photos import read_photo_list
from mmluss.utils.atomic_files import read_json


@dataclass(frozen=True)
class RunFolder:
    """A folder of results.

    Attributes:
        out: The folder.
    """

    out: Path

    @property
    def run_file(self) -> Path:
        """Where the content of ``run`` is."""
        return self.out / "run.json"

    @property
    def run(self) -> dict[str, Any]:
        """Content of ``run.json``.

        Raises:
            FileNotFoundError: If the folder has none.
        """
        path = self.run_file
        if not path.is_file():
            raise FileNotFoundError(
                f"{self.out} is no folder of a finished run: run.json is not in it. mmluss discover "
                "PHOTOS --out OUT makes one, and goes on with one that was interrupted"
            )
        return read_json(path, ("photos", "num_clusters", "settings", "steps"))

    @property
    def photo_list(self) -> Path:
        """Text file with the paths of the photos that count, one a line."""
        return self.out / "work" / "photos.txt"

    @property
    def embedding_folder(self) -> Path:
        """Embeddings of the photos, whatever the number of clusters."""
        return self.out / "work" / "embeddings"

    @property
    def labels(self) -> Path:
        """Label maps of the photos."""
        return self.out / "labels"

    @property
    def before(self) -> Path:
        """What is kept of the result before until its names have gone over to the new one."""
        return self.out / "work" / "before"

    @property
    def lock(self) -> Path:
        """Folder that one run at a time may work in."""
        return self.out / "work"

    @property
    def changing(self) -> Path:
        """File that is there while the steps are done for other results than those in the folder."""
        return self.out / "work" / "changing"

    def check_steps(self) -> None:
        """See that the steps are those of the results, and that these are all there.

        Raises:
            FileNotFoundError: If the folder is none of a run.
            RuntimeError: If a run has begun and did not end, or label maps are gone.
        """
        if self.run and self.changing.exists():
            raise RuntimeError(
                f"{self.out}: a run has begun and did not end, so the steps in it do not belong to its results. Run "
                f"the same mmluss discover command again, to its end; what is in {self.labels} and "
                f"{self.out / 'model.pth'} may be of the run before"
            )
        gone = next((path for path in self.label_maps if not path.is_file()), None)
        if gone is not None:
            raise RuntimeError(f"{gone} is gone. Run the same mmluss discover command again, which makes it anew")

    @property
    def steps(self) -> dict[str, Path]:
        """Folders of the steps: pretrain (if the run had that), pixel_attention, labels, finetune."""
        return {name: self.out / "work" / folder for name, folder in self.run["steps"].items()}

    def step(self, name: Literal["pretrain", "pixel_attention", "labels", "finetune"]) -> Path:
        """Folder of a step."""
        return self.steps[name]

    @property
    def checkpoint(self) -> Path:
        """Final checkpoint."""
        return last_checkpoint(self.step("finetune"))

    @property
    def photos(self) -> list[str]:
        """Paths of the photos below the photo folder."""
        return read_photo_list(self.photo_list)

    @property
    def label_maps(self) -> list[Path]:
        """Label maps of the photos, ids of clusters before merges and drops."""
        return [self.labels / f"{name}.png" for name in self.photos]

    @property
    def names_file(self) -> Path:
        """The table that people edit."""
        return self.out / "clusters.csv"

    @property
    def names(self) -> ClusterNames:
        """Names, merges and drops as the table has them."""
        num_clusters = self.run["num_clusters"]
        return (
            read_cluster_names(self.names_file, num_clusters)
            if self.names_file.is_file()
            else ClusterNames.default(num_clusters)
        )

    def table(self) -> PhotoTable:
        """What is known of each photo."""
        centroids, rows = self.centroids_and_rows()
        return make_photo_table(rows, centroids, self.label_maps)

    def centroids_and_rows(self) -> tuple[np.ndarray, np.ndarray]:
        """Centroids ``(K, C)`` float32 and embeddings ``(M, C)`` float16 or float32, a memory map."""
        rows = np.load(self.embedding_folder / EMBEDDINGS, mmap_mode="r", allow_pickle=False)
        return read_centroids(self.step("labels") / CENTROIDS).numpy(), rows
