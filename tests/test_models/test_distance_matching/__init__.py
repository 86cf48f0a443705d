# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
