# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Score a folder of RGB-coded prediction PNGs, CATEGORY/NAME.png, against the label maps of ImageNet-S."""

import argparse
import os
import sys
from pathlib import Path

from mmluss.evaluation.evaluation import Evaluation
from mmluss.evaluation.folder import (
    PredictionError,
    count_folder,
    label_names,
    names_to_score,
    read_name_list,
)
from mmluss.evaluation.scores import class_table, score_table


def parse_args(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("predictions", help="folder of predictions, CATEGORY/NAME.png, id = R + 256 * G")
    parser.add_argument("ground_truth", help="folder of label maps of the same structure")
    parser.add_argument("--name-list", help="text file with the images to score, one a line; default: all label maps")
    parser.add_argument(
        "--match",
        default="compute",
        help="'compute' (as 'image', the default), 'pixel', 'majority', 'identity' or a match.json",
    )
    parser.add_argument(
        "--num-categories", type=int, help="number of categories; default: number of folders in ground_truth"
    )
    parser.add_argument("--num-clusters", type=int, help="largest predicted id; default: number of categories")
    parser.add_argument("--allow-missing", action="store_true", help="score although predictions are missing")
    parser.add_argument("--no-boundaries", action="store_true", help="leave out boundary scores")
    parser.add_argument(
        "--processes", type=int, help="number of processes; default: one for 1000 images, at most one a core"
    )
    parser.add_argument("--match-file", help="where to save the matching")
    parser.add_argument("--scores-file", help="where to save all figures as JSON")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    args = parse_args(arguments)
    try:
        evaluate(args)
    except (ValueError, FileNotFoundError) as error:
        print(f"nothing was scored: {error}", file=sys.stderr)
        return 1
    return 0


def evaluate(args: argparse.Namespace) -> None:
    names = None if args.name_list is None else read_name_list(args.name_list)
    wanted = names_to_score(args.predictions, args.ground_truth, names, args.allow_missing)
    folders = sorted(entry.name for entry in Path(args.ground_truth).iterdir() if entry.is_dir())
    num_categories = args.num_categories or len(folders)
    if num_categories == 0:
        raise PredictionError(f"{args.ground_truth} has no category folders: give --num-categories")
    matching = "image" if args.match == "compute" else args.match
    evaluation = Evaluation(num_categories, matching, args.num_clusters, not args.no_boundaries)
    # A process takes some seconds to start, in which it would score about 1000 images.
    processes = args.processes or max(1, min(os.cpu_count() or 1, len(wanted) // 1000))
    counts = count_folder(args.predictions, args.ground_truth, wanted, evaluation, processes)
    result = evaluation.result(counts)
    classes_known = len(folders) == num_categories
    class_names = ["other", *(folders if classes_known else map(str, range(1, num_categories + 1)))]
    print(class_table(class_names, result.classes, result.match))
    print(score_table(result.scores))
    total = len(names or label_names(args.ground_truth))
    print(f"{result.counts.images} of {total} images, scores in percent")
    result.write(class_names, vars(args), args.match_file, args.scores_file)


if __name__ == "__main__":
    sys.exit(main())
