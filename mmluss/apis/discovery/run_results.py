# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""What a finished discovery leaves for people: label maps of all photos, a table of clusters, a report, names."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmluss.apis.results.carried_names import carry_names, keep_before
from mmluss.apis.results.cluster_names import ClusterNames, read_written_columns, write_cluster_names
from mmluss.apis.results.edited_tables import read_edited_table
from mmluss.apis.results.photo_table import PhotoTable
from mmluss.apis.results.run_folder import RunFolder
from mmluss.apis.results.run_report import PhotoPictures, report_facts, threshold_facts, training_losses
from mmluss.apis.segmenting.segment_files import segment_files
from mmluss.apis.segmenting.segmenter import Segmenter
from mmluss.apis.steps.label_run import read_suggestion
from mmluss.apis.steps.step_names import CHOICE_OF_CLUSTERS, FINETUNE_TITLE, PIXEL_ATTENTION_TITLE, PRETRAIN_TITLE
from mmluss.checkpoints.files import read_checkpoint, write_checkpoint
from mmluss.datasets.label_codec import read_label_map, write_label_map
from mmluss.datasets.label_folder import read_label_manifest
from mmluss.datasets.photos import PhotoList, read_photo
from mmluss.utils.fingerprints import file_fingerprint
from mmluss.utils.folder_lock import only_run_in
from mmluss.utils.stage_record import StageRecord
from mmluss.visualization.report import Curve, write_report


def finish_run(
    folder: RunFolder, progress: Callable[[Sequence[str]], Iterable[str]] = iter, title: str | None = None
) -> Path | None:
    """Segment all photos with the final model, then write table, model and report.

    Names, merges and drops in the table of an earlier result go over to the clusters that show the same things; that
    table stays as ``clusters.old.csv``, if anybody has changed it.

    Args:
        folder: A folder whose steps are done.
        progress: Given the photos, gives them back one by one; for a progress bar.
        title: Headline of the report.

    Returns:
        That table, if there is one.

    Raises:
        RuntimeError: If another run is at work in the folder.
        ValueError: If the table cannot be understood; the message names its line.
    """
    with only_run_in(folder.lock):
        checkpoint = folder.checkpoint
        inputs = dict(model=file_fingerprint(checkpoint), photos=folder.photos, num_clusters=folder.run["num_clusters"])
        record = StageRecord(folder.out / "work" / "results.json")
        table = None
        gone = not all(path.is_file() for path in folder.label_maps)
        if gone or record.result("labels", inputs) is None:
            if record.changed("labels", inputs) and folder.names_file.is_file():
                keep_before(folder, record.inputs("labels").get("num_clusters", folder.run["num_clusters"]))
            record.begin("labels", inputs)
            segmenter = Segmenter(checkpoint)
            segmenter.names = ClusterNames.default(folder.run["num_clusters"])
            photos = PhotoList(folder.run["photos"], folder.photos)
            segment_files(segmenter, photos, folder.labels, ["mask"], progress=progress)
            _remove_other_labels(folder)
            _shrink_to_seen(folder)
            table = carry_names(folder)
            record.finish("labels", inputs, {})
        _apply_names(folder, title)
        folder.changing.unlink(missing_ok=True)
    return table


def apply_names(folder: RunFolder, title: str | None = None) -> None:
    """Bring the names, merges and drops of ``clusters.csv`` to model, table and report; nothing is computed anew.

    Args:
        folder: A finished run.
        title: Headline of the report.

    Raises:
        RuntimeError: If a run is at work in the folder.
        ValueError: If the table cannot be understood; the message names its line.
    """
    with only_run_in(folder.lock):
        _apply_names(folder, title)


def _apply_names(folder: RunFolder, title: str | None) -> None:
    names, table = folder.names, folder.table()
    written = read_written_columns(folder.names_file) if folder.names_file.is_file() else {}
    photos = np.bincount(table.cluster, minlength=len(names.names))
    write_cluster_names(folder.names_file, names, photos.tolist(), table.shares().tolist(), written)
    write_model(folder, names)
    _write_report(folder, names, table, title or f"What is in {Path(folder.run['photos']).name}")


def write_model(folder: RunFolder, names: ClusterNames) -> Path:
    """Write ``OUT/model.pth``: the final weights, their config, and the names by id in the meta information.

    Args:
        folder: A finished run.
        names: Its names; merged clusters share a name and a color, dropped ones those of the background. The ids that
            they count as are the ``targets`` of the meta information.
    """
    checkpoint = read_checkpoint(folder.checkpoint)
    meta = dict(checkpoint.get("meta", {}))
    old = dict(meta.get("dataset_meta") or {})
    colors = old.get("palette") or [[i, i, i] for i in range(len(names.names))]
    shown = dict(classes=names.classes, names=names.classes, palette=names.palette(colors))
    meta["dataset_meta"] = dict(old, **shown, targets=names.targets.tolist())
    if names.classes != ClusterNames.default(len(names.names) - 1).names:
        # A test with masks names only clusters that nobody named.
        meta["dataset_meta"].pop("num_clusters", None)
    path = folder.out / "model.pth"
    write_checkpoint(dict(meta=meta, state_dict=checkpoint["state_dict"]), path)
    return path


def _remove_other_labels(folder: RunFolder) -> None:
    """Remove the label maps of photos that do not count any more."""
    wanted = set(folder.label_maps)
    for path in folder.labels.rglob("*.png"):
        if path not in wanted:
            path.unlink()


def _shrink_to_seen(folder: RunFolder) -> None:
    """Label maps as large as photos are in training; exports enlarge them again."""
    for name, path in zip(folder.photos, folder.label_maps, strict=True):
        ids = read_label_map(path)
        seen = read_photo(Path(folder.run["photos"], name)).shape[:2]
        if ids.shape != seen:
            # Exports enlarge about the middle of pixels, too.
            rows, columns = (
                ((np.arange(now) + 0.5) * before / now).astype(np.intp)
                for now, before in zip(seen, ids.shape, strict=True)
            )
            write_label_map(path, ids[rows[:, None], columns])


def _write_report(folder: RunFolder, names: ClusterNames, table: PhotoTable, title: str) -> Path:
    run, photos = folder.run, folder.photos
    centroids, rows = folder.centroids_and_rows()
    pictures = PhotoPictures(
        [str(Path(run["photos"], name)) for name in photos], folder.label_maps, photos, len(centroids), read_photo
    )
    pictures.palette = names.palette(pictures.palette)
    manifest = read_label_manifest(folder.step("labels"), ["threshold"])
    others: dict[str, Any] = dict(threshold_facts(manifest))
    if run["settings"]["clusters"] == "auto":
        found = read_suggestion(folder.out / "work" / CHOICE_OF_CLUSTERS)
        others["criterion"] = Curve(
            np.array(found["counts"]), np.array(found["gaps"]), "clusters", "eigengap", found["num_clusters"]
        )
    titles = dict(
        pretrain=PRETRAIN_TITLE,
        pixel_attention=PIXEL_ATTENTION_TITLE,
        finetune=FINETUNE_TITLE,
    )
    folders = {title: folder.steps[name] for name, title in titles.items() if name in folder.steps}
    table_of_skipped = folder.out / "skipped.csv"
    rows_of_skipped = read_edited_table(table_of_skipped, "surrogateescape").rows if table_of_skipped.is_file() else []
    skipped = [(row.get("path", ""), row.get("reason", "")) for _, row in rows_of_skipped]
    facts = report_facts(
        title,
        {
            "photos": f"{run['num_photos']} in {run['photos']}",
            "left out": str(run["num_skipped"]),
            "clusters": f"{run['num_clusters']}" + (" (chosen)" if run["settings"]["clusters"] == "auto" else ""),
            "threshold": f"{manifest['threshold']['value']:.3f} ({run['settings']['threshold']})",
            "time": f"{sum(run['seconds'].values()) / 60:.1f} minutes",
            "start": run.get("start", "EfficientNet-Lite0"),
        },
        table,
        rows,
        centroids,
        names.classes,
        pictures,
        losses=training_losses(folders),
        skipped=skipped,
        **others,
    )
    return write_report(facts, folder.out / "report" / "index.html")
