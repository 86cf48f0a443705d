# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Pack predictions of the test images into the zip file that the online server of ImageNet-S scores."""

import argparse
import sys

from mmluss.evaluation.folder import read_name_list
from mmluss.evaluation.matching import read_match
from mmluss.evaluation.submission import Method, check_predictions, named_image_sizes, read_method, write_submission

FIELDS = {
    "name": "name of the method",
    "training_data": "images it was trained on",
    "training_scheme": "such as 'fully unsupervised'",
    "networks": "architecture",
    "link": "address of the paper or project",
    "description": "a few sentences in one line",
}


def parse_args(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("predictions", help="folder of predictions, CATEGORY/NAME.png, id = R + 256 * G")
    parser.add_argument("output", help="the zip file to write")
    parser.add_argument("--num-categories", type=int, required=True, help="50, 300, 919 or that of another data set")
    images = parser.add_mutually_exclusive_group(required=True)
    images.add_argument("--test-list", help="text file with all test images, one a line")
    images.add_argument("--image-dir", help="folder of the test images; sizes are checked, too")
    protocol = parser.add_mutually_exclusive_group(required=True)
    protocol.add_argument("--match", help="match.json found on the validation images (unsupervised protocol)")
    protocol.add_argument("--no-match", action="store_true", help="predicted ids are categories (other protocols)")
    parser.add_argument("--method-file", help="a method.txt; instead of the six texts below")
    for field, what in FIELDS.items():
        parser.add_argument(f"--{field.replace('_', '-')}", help=what)
    args = parser.parse_args(arguments)
    given = [field for field in FIELDS if getattr(args, field) is not None]
    if (args.method_file is None and len(given) < len(FIELDS)) or (args.method_file is not None and given):
        parser.error("give either --method-file or all of " + ", ".join(f"--{f.replace('_', '-')}" for f in FIELDS))
    return args


def main(arguments: list[str] | None = None) -> int:
    args = parse_args(arguments)
    try:
        if args.method_file is not None:
            method = read_method(args.method_file)
        else:
            method = Method(**{field: getattr(args, field) for field in FIELDS})
        method.text()
        match = None if args.no_match else read_match(args.match, args.num_categories)
        sizes = None if args.image_dir is None else named_image_sizes(args.image_dir)
        names = read_name_list(args.test_list) if sizes is None else sorted(sizes)
        check_predictions(args.predictions, names, args.num_categories, match, sizes)
        write_submission(args.output, args.predictions, names, method, match)
    except (ValueError, OSError) as error:
        print(f"nothing was packed: {error}", file=sys.stderr)
        return 1
    print(f"{len(names)} predictions: {args.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
