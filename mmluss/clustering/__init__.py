# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""From a trained pixel-attention model to label maps of all training images (PASS, steps 2.2 to 2.4).

``pseudo_label_run.PseudoLabelRun`` runs all of it; each stage is a module of its own:
``embeddings``, ``kmeans``, ``thresholds``, ``label_writing``.
"""
