# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Makes the supports of distance matching before testing (distance-matching protocol)."""

from pathlib import Path

import numpy as np
import torch
from mmengine import dist
from mmengine.dataset import BaseDataset
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmpretrain.utils import get_ori_model
from mmseg.registry import DATASETS, HOOKS
from rich.progress import track

from mmluss.clustering.image_batches import consecutive_batches, load_batches, my_share
from mmluss.models import KNNSegmentor
from mmluss.utils.fingerprints import file_state, settings_fingerprint, weights_fingerprint
from mmluss.utils.stage_record import read_arrays, write_arrays


@HOOKS.register_module()
class SupportHook(Hook):
    """Gives a ``KNNSegmentor`` its supports: those of an earlier run in the same work folder, or new ones.

    They are kept in ``supports.npz`` of the work folder and made again when the checkpoint, the images, the masks or
    a setting that matters has changed. The work is shared among processes.

    Args:
        dataset: Config of the images with masks (train-semi); its pipeline leaves masks at their original size.
        num_workers: Loading processes of each process.
    """

    def __init__(self, dataset: dict, num_workers: int = 4) -> None:
        self.dataset = dataset
        self.num_workers = num_workers

    def before_test(self, runner: Runner) -> None:
        """Set the supports of the runner's model.

        Raises:
            FileNotFoundError: If an image has no mask; the message names it.
            ValueError: If the features of an image are not finite; the message names it.
        """
        model = get_ori_model(runner.model)
        model.eval()
        dataset = DATASETS.build(self.dataset)
        key = support_key(model, _infos_with_masks(dataset), self.dataset)
        path = Path(runner.work_dir) / "supports.npz"
        shared = [read_arrays(path, key) if dist.is_main_process() else None]
        dist.broadcast_object_list(shared)
        supports = shared[0]
        if supports is None:
            embeddings, labels = make_supports(model, dataset, self.num_workers)
            supports = dict(embeddings=embeddings, labels=labels)
            if dist.is_main_process():
                write_arrays(path, key, **supports)
        model.set_supports(torch.from_numpy(supports["embeddings"]), torch.from_numpy(supports["labels"]))
        runner.logger.info(f"{len(supports['labels'])} supports of {len(dataset)} images in {path}")


def support_key(model: KNNSegmentor, data_infos: list[dict], dataset_settings: dict) -> str:
    """Fingerprint of all that supports depend on: weights, model settings, data set settings, and the files themselves.

    Args:
        model: Its backbone's weights and ``support_settings`` count.
        data_infos: Each has ``img_path`` and ``seg_map_path``; a file counts by name, size and time of change.
        dataset_settings: Config of the data set, with its pipeline.
    """
    paths = [info[name] for info in data_infos for name in ("img_path", "seg_map_path")]
    return settings_fingerprint(
        dict(
            weights=weights_fingerprint(model.backbone.state_dict()),
            model=model.support_settings,
            dataset=dataset_settings,
            files=[(path, file_state(path)) for path in paths],
        )
    )


def make_supports(model: KNNSegmentor, dataset: BaseDataset, num_workers: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Supports of all images of a data set, shared among processes; each process gets all, in the data set's order.

    Args:
        model: In eval mode.
        dataset: Gives what mmseg's ``PackSegInputs`` gives, with masks.
        num_workers: Loading processes of each process.

    Returns:
        ``(M, C)`` float32, not normalized, and labels ``(M,)`` int64.

    Raises:
        ValueError: If the features of an image are not finite; the message names it.
    """
    # One image a batch: images differ in shape, and padding would get into the features.
    batches = my_share(consecutive_batches(len(dataset), 1))
    loader = load_batches(dataset, batches, num_workers)
    embeddings = [np.zeros((0, model.supports.shape[1]), np.float32)]
    labels = [np.zeros(0, np.int64)]
    for data in track(loader, "supports", total=len(batches), disable=not dist.is_main_process()):
        image_embeddings, image_labels = model.image_supports(**model.data_preprocessor(data, False))
        if not image_embeddings.isfinite().all():
            raise ValueError(
                f"The features of {data['data_samples'][0].metainfo.get('img_path')} hold NaN or infinity: training "
                "diverged, or the image is broken. Look at the losses of the checkpoint, and at the image."
            )
        embeddings.append(image_embeddings.cpu().numpy())
        labels.append(image_labels.cpu().numpy())
    parts = dist.all_gather_object((np.concatenate(embeddings), np.concatenate(labels)))
    all_embeddings, all_labels = zip(*parts, strict=True)
    return np.concatenate(all_embeddings), np.concatenate(all_labels)


def _infos_with_masks(dataset: BaseDataset) -> list[dict]:
    infos = [dataset.get_data_info(index) for index in range(len(dataset))]
    missing = [info["img_path"] for info in infos if "seg_map_path" not in info]
    if missing:
        raise FileNotFoundError(
            f"{len(missing)} images have no mask to make supports from, such as {', '.join(missing[:3])}: SupportHook "
            "needs a split with masks (train-semi and train-semi-segmentation), or label_root in its dataset."
        )
    return infos
