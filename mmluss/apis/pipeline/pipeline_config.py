# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""What a pipeline config says, and the step configs that it names."""

import copy
import warnings
from pathlib import Path

from mmengine.config import Config

from mmluss.apis.tools.data_folders import read_from, score_nothing
from mmluss.apis.tools.evaluators import luss_metrics
from mmluss.apis.tools.mmseg_tools import find_config
from mmluss.apis.tools.named_hooks import name_project_hooks
from mmluss.models.pixel_attention.foreground_score import RELATIVE_THRESHOLD

CONTROLS = ("no_pretraining", "untrained", "raw_color")


def known_controls(cfg: Config) -> list[str]:
    """Controls that a pipeline config asks for.

    Raises:
        ValueError: If one is unknown.
    """
    controls = list(cfg.get("controls", ()))
    if "raw_colour" in controls:
        warnings.warn(f"{cfg.filename}: the control raw_colour is called raw_color now.", FutureWarning, stacklevel=3)
        controls[controls.index("raw_colour")] = "raw_color"
    unknown = [control for control in controls if control not in CONTROLS]
    if unknown:
        raise ValueError(f"{cfg.filename}: no control {unknown[0]!r}; known are {', '.join(CONTROLS)}")
    return controls


def num_clusters_of(cfg: Config) -> int:
    """Number of clusters to make, also under the key's former name; of both, the one that came last counts."""
    if "num_categories" not in cfg:
        return int(cfg.num_clusters)
    warnings.warn(f"{cfg.filename}: num_categories is called num_clusters now.", FutureWarning, stacklevel=3)
    # A config may build on one that has the new name, and the command line may add either to a config.
    return int(cfg[[key for key in cfg if key in ("num_categories", "num_clusters")][-1]])


def rounds_of(cfg: Config) -> int:
    """How often step 3 is done at most; once by default.

    Raises:
        ValueError: If that is no number of 1 or more.
    """
    rounds = cfg.get("rounds", 1)
    if not isinstance(rounds, int) or rounds < 1:
        raise ValueError(f"{cfg.filename}: rounds is a number, 1 or more, not {rounds!r}")
    return rounds


def draft_of(cfg: Config) -> dict:
    """What is changed in step 3 where its model only labels for another round; by default nothing.

    Raises:
        ValueError: If that is no dict.
    """
    draft = cfg.get("draft") or {}
    if not isinstance(draft, dict):
        raise ValueError(f"{cfg.filename}: draft is a dict of changes to the config of step 3, not {draft!r}")
    return draft


def find_step_config(folder: Path, config: str, place: str) -> Path:
    """A config beside a pipeline config, or one that comes with the package where the pipeline config is elsewhere.

    Args:
        folder: Folder of the pipeline config.
        config: Path relative to it.
        place: What the message begins with.

    Raises:
        FileNotFoundError: If neither has it; the message names similar ones.
    """
    if (folder / config).is_file():
        return folder / config
    try:
        return find_config(config.removeprefix("../"))
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{place}{folder / config} does not exist. {error}") from None


def expect_clusters(cfg: Config, num_clusters: int) -> None:
    """Have the evaluators of a step's config count clusters, of which there may be more or fewer than categories."""
    for evaluator in ("val_evaluator", "test_evaluator"):
        for metric in luss_metrics(cfg.get(evaluator)):
            metric["num_clusters"] = num_clusters


def set_labels_to_make(cfg: Config, num_clusters: int, scored: bool, path: Path) -> None:
    """Have step 2 make a number of clusters, and find the foreground threshold without masks where there are none.

    Args:
        cfg: Config of step 2; changed in place.
        num_clusters: Clusters to make.
        scored: Whether there are masks of validation images.
        path: File of the config, for the message.

    Raises:
        ValueError: If the config makes no pixel labels.
    """
    hook = cfg.default_hooks.get("pseudo_labels")
    if hook is None:
        raise ValueError(f"{path} lacks a PseudoLabelHook: default_hooks.pseudo_labels.")
    hook.num_clusters = num_clusters
    if not scored and hook.get("threshold", "val") == "val":
        # Relative scores have no two heaps for Otsu's method to part.
        relative = cfg.model.get("decode_head", {}).get("foreground") == "relative"
        hook.threshold = RELATIVE_THRESHOLD if relative else "otsu"
    expect_clusters(cfg, num_clusters)


def set_labels_to_learn(cfg: Config, label_root: Path, num_clusters: int) -> None:
    """Have step 3 learn these label maps.

    Args:
        cfg: Config of step 3; changed in place.
        label_root: Folder of the label maps.
        num_clusters: Clusters that they hold.
    """
    cfg.train_dataloader.dataset.label_root = str(label_root)
    cfg.train_dataloader.dataset.num_clusters = num_clusters
    cfg.model.decode_head.num_classes = num_clusters + 1
    expect_clusters(cfg, num_clusters)


def without_validation(cfg: Config, data_root: str) -> None:
    """Take validation out of step 3, where there are no masks.

    A test then writes or draws predictions: of validation images without masks, or else of the training images.

    Args:
        cfg: Config of step 3; changed in place.
        data_root: Folder of the data set.
    """
    score_nothing(cfg)
    cfg.test_dataloader.dataset.label_root = False
    if not Path(data_root, "validation").is_dir():
        cfg.test_dataloader.dataset.split = "train"


def step_config(path: Path, data_root: str, overrides: dict) -> Config:
    """A step's config for a data set.

    Args:
        path: The config.
        data_root: Folder that all its data sets read, and whatever else read from theirs.
        overrides: What to change in it, nested as the config is.

    Raises:
        ValueError: If the config has no data set that could read the folder.
    """
    cfg = Config.fromfile(path)
    if not read_from(cfg, data_root):
        raise ValueError(f"{path}: no data set with a data_root, so {data_root} is not read")
    change_config(cfg, overrides)
    name_project_hooks(cfg)
    return cfg


def change_config(cfg: Config, changes: dict) -> None:
    """Change a config in place.

    Args:
        cfg: The config.
        changes: What to change, nested as the config is; dots below the first level belong to the names.
    """
    cfg.merge_from_dict(_with_names(changes))


def _with_names(changes: dict) -> dict:
    """A copy, out of which merging may take marks such as _delete_; places in lists are named by their number."""
    return {
        str(key): _with_names(value) if isinstance(value, dict) else copy.deepcopy(value)
        for key, value in changes.items()
    }
