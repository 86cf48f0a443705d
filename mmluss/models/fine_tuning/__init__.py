# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Steps 3 and 4: heads, loss and inference of the segmentation model."""
