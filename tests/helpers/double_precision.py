# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""Importing this makes a process compute in double precision; configs name it in ``custom_imports``.

Rounding then has no say in what a training comes to, and two processes can be compared with one.
"""

import torch

torch.set_default_dtype(torch.float64)
# What brings images and half precision to single precision must bring them to double.
torch.Tensor.float = torch.Tensor.double
