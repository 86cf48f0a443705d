# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""The last step of a published setting: predictions of the test images, packed for the server that scores them."""

from dataclasses import dataclass
from pathlib import Path

from mmengine.config import Config

from mmluss.apis.steps.training_folder import write_predictions_only
from mmluss.datasets.imagenets import dataset_categories
from mmluss.evaluation.matching import read_match
from mmluss.evaluation.submission import Method, check_predictions, named_image_sizes, write_submission

PREDICTIONS = "predictions"
SUBMISSION = "submission.zip"


@dataclass(frozen=True)
class SubmissionStep:
    """What is submitted and for which images.

    Attributes:
        method: Description of the method.
        image_folder: Folder of the test images.
        num_categories: Number of categories N.
    """

    method: Method
    image_folder: Path
    num_categories: int

    def predict_only(self, cfg: Config, folder: Path) -> None:
        """Have a test of the fine-tuned model write predictions and score nothing.

        Args:
            cfg: Config with a ``test_dataloader``; changed in place.
            folder: Folder of the step.
        """
        write_predictions_only(cfg, folder / PREDICTIONS, self.image_folder.name)

    def pack(self, folder: Path, match_file: Path) -> None:
        """Check the predictions in a step's folder and write ``submission.zip`` beside them.

        Args:
            folder: Folder of the step.
            match_file: ``match.json`` that was found on the validation images.

        Raises:
            PredictionError: Naming all predictions that the server could not score.
        """
        match = read_match(match_file, self.num_categories)
        sizes = named_image_sizes(self.image_folder)
        predictions, names = folder / PREDICTIONS, sorted(sizes)
        check_predictions(predictions, names, self.num_categories, match, sizes)
        write_submission(folder / SUBMISSION, predictions, names, self.method, match)


def submission_step(cfg: Config, step_cfg: Config, data_root: str, num_clusters: int) -> SubmissionStep | None:
    """The submission that a pipeline config asks for, looked through before any work.

    Args:
        cfg: The pipeline config; ``submission`` holds the fields of ``Method``, or is None.
        step_cfg: Config of fine-tuning, for this data.
        data_root: Folder of the data set.
        num_clusters: Clusters to make.

    Returns:
        None if none is asked for.

    Raises:
        FileNotFoundError: If there are no test images, or no validation masks to find the matching with.
        ValueError: If a field is missing, unknown or no line of text, or clusters would be left without category.
    """
    fields = cfg.get("submission")
    if fields is None:
        return None
    leave_out = "or submission=None for none (--cfg-options submission=None)"
    try:
        method = Method(**fields)
        method.text()
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{cfg.filename}: submission needs {', '.join(Method.__dataclass_fields__)}, a line of text each: {error}; "
            f"{leave_out}"
        ) from None
    images, masks = Path(data_root, "test"), Path(data_root, "validation-segmentation")
    for folder, purpose in ((images, "images to predict"), (masks, "masks to match clusters with categories")):
        if not folder.is_dir():
            raise FileNotFoundError(f"{folder} is missing, so a submission has no {purpose}: prepare it, {leave_out}.")
    categories = len(dataset_categories(data_root, step_cfg.test_dataloader.dataset.get("subset")))
    if num_clusters > categories:
        raise ValueError(
            f"{num_clusters} clusters leave some without one of the {categories} categories, which the server refuses: "
            f"set num_clusters to {categories} or fewer, {leave_out}."
        )
    return SubmissionStep(method, images, categories)
