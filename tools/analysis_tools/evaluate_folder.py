# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Score a folder of RGB-coded prediction PNGs, CATEGORY/NAME.png, against the label maps of ImageNet-S.

With a folder of foreground scores, every foreground threshold is tried, and all scores are those of the best one.
"""

import argparse
import os
import sys
import warnings
from pathlib import Path

import numpy as np

from mmluss.evaluation.evaluation import Evaluation
from mmluss.evaluation.folder import (
    PredictionError,
    count_folder,
    label_names,
    names_to_score,
    read_name_list,
)
from mmluss.evaluation.scores import class_table, score_table
from mmluss.visualization.threshold_plot import check_curve_file, write_threshold_curve


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
    parser.add_argument("--num-predicted", type=int, help=argparse.SUPPRESS)
    parser.add_argument(
        "--score-dir", help="folder of foreground scores CATEGORY/NAME.png, gray PNGs of 8 or 16 bits, for thresholds"
    )
    parser.add_argument(
        "--thresholds",
        nargs=3,
        type=float,
        metavar=("FIRST", "LAST", "STEP"),
        help="thresholds to try with --score-dir; default: 0 0.8 0.01",
    )
    parser.add_argument("--curve-file", help="where to save mIoU by threshold: .csv, or a picture such as .svg or .png")
    parser.add_argument("--allow-missing", action="store_true", help="score although predictions are missing")
    parser.add_argument("--no-boundaries", action="store_true", help="leave out boundary scores")
    parser.add_argument(
        "--processes", type=int, help="number of processes; default: one for 1000 images, at most one a core"
    )
    parser.add_argument("--match-file", help="where to save the matching")
    parser.add_argument("--scores-file", help="where to save all figures as JSON")
    args = parser.parse_args(arguments)
    if args.num_predicted is not None:
        warnings.warn("--num-predicted is called --num-clusters now.", FutureWarning, stacklevel=2)
        args.num_clusters = args.num_predicted if args.num_clusters is None else args.num_clusters
    del args.num_predicted
    if args.score_dir is None and (args.thresholds or args.curve_file):
        parser.error("--thresholds and --curve-file need the scores of the predictions: give --score-dir")
    return args


def main(arguments: list[str] | None = None) -> int:
    args = parse_args(arguments)
    try:
        evaluate(args)
    except (ValueError, FileNotFoundError) as error:
        print(f"nothing was scored: {error}", file=sys.stderr)
        return 1
    return 0


def threshold_range(first: float, last: float, step: float) -> np.ndarray:
    if not step > 0 or last < first:
        raise ValueError(f"--thresholds {first} {last} {step}: thresholds ascend from FIRST to LAST by a STEP above 0")
    # Not by adding steps: 0.41 is to be the number that 0.41 is.
    return np.round(first + step * np.arange(int(np.floor((last - first) / step + 1e-6)) + 1), 10)


def report_curve(sweep: dict, path: str | None) -> None:
    print(f"foreground threshold {sweep['best_threshold']:.4g}: the best of {len(sweep['thresholds'])}")
    if path is not None:
        write_threshold_curve(path, sweep["thresholds"], sweep["miou"])
        print(f"mIoU by threshold is in {path}")


def evaluate(args: argparse.Namespace) -> None:
    if args.curve_file is not None:
        check_curve_file(args.curve_file)
    names = None if args.name_list is None else read_name_list(args.name_list)
    wanted = names_to_score(args.predictions, args.ground_truth, names, args.allow_missing)
    folders = sorted(entry.name for entry in Path(args.ground_truth).iterdir() if entry.is_dir())
    num_categories = args.num_categories or len(folders)
    if num_categories == 0:
        raise PredictionError(f"{args.ground_truth} has no category folders: give --num-categories")
    matching = "image" if args.match == "compute" else args.match
    thresholds = None if args.score_dir is None else threshold_range(*(args.thresholds or (0, 0.8, 0.01)))
    evaluation = Evaluation(num_categories, matching, args.num_clusters, not args.no_boundaries, thresholds=thresholds)
    # A process takes some seconds to start, in which it would score about 1000 images.
    processes = args.processes or max(1, min(os.cpu_count() or 1, len(wanted) // 1000))
    counts = count_folder(args.predictions, args.ground_truth, wanted, evaluation, processes, args.score_dir)
    result = evaluation.result(counts)
    classes_known = len(folders) == num_categories
    class_names = ["other", *(folders if classes_known else map(str, range(1, num_categories + 1)))]
    print(class_table(class_names, result.classes, result.match))
    print(score_table(result.scores))
    if result.sweep is not None:
        report_curve(result.sweep, args.curve_file)
    total = len(names or label_names(args.ground_truth))
    print(f"{result.counts.images} of {total} images, scores in percent")
    result.write(class_names, vars(args), args.match_file, args.scores_file)


if __name__ == "__main__":
    sys.exit(main())
