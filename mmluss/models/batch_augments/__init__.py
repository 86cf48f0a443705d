# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Augmentation of whole batches on the model's device."""
