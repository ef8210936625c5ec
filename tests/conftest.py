"""Hypothesis, the same on every machine: no deadline, no database, examples drawn in one order.

And a cache of the tests' own, and a thread for each of the processes that share them.
"""

import os
import tempfile

from hypothesis import settings

settings.register_profile(
    "lightlag", deadline=None, derandomize=True, database=None, max_examples=60, print_blob=True
)
settings.load_profile("lightlag")

# threads that wait for each other on small tables: as many cores as processes are all in use
os.environ.setdefault("POLARS_MAX_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# plans that tests make are no business of the user's cache
os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(prefix="lightlag-tests-")
