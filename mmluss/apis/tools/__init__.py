# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Running mmsegmentation's tools: configs by name, processes, and how a program ends."""
