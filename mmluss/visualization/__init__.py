# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Pictures of what models say."""

from mmluss.visualization.cluster_visualizer import ClusterLocalVisualizer

__all__ = ["ClusterLocalVisualizer"]
