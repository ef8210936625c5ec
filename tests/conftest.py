"""Hypothesis, the same on every machine: no deadline, no database, examples drawn in one order.

And a cache of the tests' own.
"""

import os
import tempfile

from hypothesis import settings

settings.register_profile(
    "lightlag", deadline=None, derandomize=True, database=None, max_examples=60, print_blob=True
)
settings.load_profile("lightlag")

# plans that tests make are no business of the user's cache
os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(prefix="lightlag-tests-")
