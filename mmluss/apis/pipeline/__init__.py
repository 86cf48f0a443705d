# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""All steps on data in the layout of ImageNet-S, with scores and controls."""
