# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Names of steps, which are those of their folders, and what each does in the words of a person without masks."""

PRETRAIN = "1_pretrain"
PIXEL_ATTENTION = "2_pixel_attention"
PIXEL_LABELS_TEST = "2_pixel_labels_test"
FINETUNE = "3_finetune"
TEST = "4_test"
SUBMISSION_STEP = "5_submission"

CHOICE_OF_CLUSTERS = "3_clusters"
"""Of a discovery, whose steps of labels and fine-tuning are named after their clusters, too."""

PRETRAIN_TITLE = "learning what they share"
PIXEL_ATTENTION_TITLE = "finding where to look"
CHOICE_TITLE = "counting kinds of things"
LABELS_TITLE = "outlining things"
FINETUNE_TITLE = "learning to outline them"


def round_name(step: str, number: int) -> str:
    """Name of a step in a round; the first round's are those of a pipeline without further ones."""
    return step if number == 1 else f"{step}_round{number}"
