# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""What several floors need: files written whole, fingerprints, records of finished stages."""

from mmluss.utils.config_lookup import register_all_modules

__all__ = ["register_all_modules"]
