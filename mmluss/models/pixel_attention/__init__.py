# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Steps 2.1 and 2.4: pixel attention, foreground scores and the nearest centroid of a pixel."""
