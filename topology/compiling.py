"""How the compiled forms are compiled: numba's decorators. Imported only where numba is."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Ints = NDArray[np.int64]

compiled = njit(cache=True, error_model="numpy", nogil=True)  # pairs are looked at side by side
inlined = njit(cache=True, error_model="numpy", forceinline=True)
