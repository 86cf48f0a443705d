# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""What several floors need: files written whole, fingerprints, records of finished stages."""
