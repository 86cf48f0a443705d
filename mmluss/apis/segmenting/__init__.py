# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""A trained model at work on photos, and what it is exported as."""
