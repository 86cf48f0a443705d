# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""A folder of results: clusters, their names, photos, and its report."""
