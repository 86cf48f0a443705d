# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""List the cluster of each image as CSV, from a work folder of step 2, a discovery, or a folder of label maps."""

import argparse
import sys

from mmluss.apis.results.cluster_list import write_cluster_list


def parse_args(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", help="work folder of step 2, of mmluss discover, or label maps CATEGORY/NAME.png")
    parser.add_argument("out", help="the CSV file to write")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    args = parse_args(arguments)
    try:
        images = write_cluster_list(args.source, args.out)
    except (ValueError, FileNotFoundError) as error:
        print(f"nothing was written: {error}", file=sys.stderr)
        return 1
    print(f"clusters of {images} images are in {args.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
