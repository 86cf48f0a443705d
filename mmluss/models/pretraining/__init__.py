# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Step 1: embeddings, prototypes, queue, balanced assignment and the losses; step 2.1 uses them too."""
