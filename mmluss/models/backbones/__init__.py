# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Backbones beside those of mmseg, mmpretrain and timm, and what is asked of all of them."""
