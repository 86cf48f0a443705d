# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Drawn images with exact label maps, for a data set that needs no download."""
