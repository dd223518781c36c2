"""Notes 1.5.3: how the weights of a shallow network are drawn in NumPy."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import numpy as np


def _numpy_calls() -> Any:
    """The notes' two calls as they are printed: a tuple of sizes, and np.zero."""
    try:
        np.random.RandomState(0).randn((2, 2))
    except TypeError:
        fails = True
    else:
        fails = False
    return {"randn_tuple_fails": fails, "np_zero_missing": not hasattr(np, "zero")}


CHECKS = MappingProxyType({"randn-call-signature": _numpy_calls})
