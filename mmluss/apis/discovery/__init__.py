# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""All steps on a folder of photos."""
