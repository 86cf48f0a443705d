# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Where a step's config reads its data, and what of it there are masks for."""

from mmengine.config import Config

# Lists of settings; other lists of a file are variables.
_LISTS = ("custom_hooks", "val_evaluator", "test_evaluator")


def read_from(cfg: Config, data_root: str) -> int:
    """Have all data sets of a config, and whatever else it reads from their folders, read from another folder.

    Args:
        cfg: Changed in place: ``data_root`` of data sets, and paths below one, such as a ``saliency_root``.
        data_root: The other folder.

    Returns:
        The number of data sets.
    """
    # Variables of the file are no settings: whatever used them has its own copy.
    nodes = [node for key, node in cfg.items() if isinstance(node, dict) or key in _LISTS]
    datasets = [node for top in nodes for node in _dicts(top) if "type" in node and "data_root" in node]
    former = {str(dataset["data_root"]).rstrip("/") for dataset in datasets}
    for node in [node for top in nodes for node in _dicts(top)]:
        for key, value in node.items():
            if isinstance(value, str):
                node[key] = _moved(value, former, data_root)
    for dataset in datasets:
        dataset["data_root"] = data_root
    return len(datasets)


def score_nothing(cfg: Config) -> None:
    """Take validation out of a config, where there are no masks; a test then writes or draws predictions.

    Args:
        cfg: Changed in place.
    """
    for part in ("dataloader", "evaluator", "cfg"):
        cfg[f"val_{part}"] = None
    if cfg.get("test_dataloader") is not None:
        cfg.test_evaluator = dict(type="LUSSMetric", has_masks=False)


def _moved(path: str, former: set[str], data_root: str) -> str:
    # The longest first, as one folder may lie in another.
    for root in sorted(former, key=len, reverse=True):
        if root and path.startswith(f"{root}/"):
            return f"{data_root}{path[len(root) :]}"
    return path


def _dicts(node: object) -> list[dict]:
    children = list(node.values()) if isinstance(node, dict) else list(node) if isinstance(node, list | tuple) else []
    found = [node] if isinstance(node, dict) else []
    return [*found, *(inner for child in children for inner in _dicts(child))]
