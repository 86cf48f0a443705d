# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Steps of a work folder: which are done, how they run and what a person sees of it."""
