# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Distance matching: pixels are named by their nearest labeled supports, nothing is trained."""
