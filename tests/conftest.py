"""Hypothesis, the same on every machine: no deadline, no database, examples drawn in one order.

And a cache of the tests' own, and a thread for each of the processes that share them. The sources are what is tested,
unless LIGHTLAG_COMPILED=1 asks for what `make setup` compiled of them.
"""

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile(
    "lightlag", deadline=None, derandomize=True, database=None, max_examples=60, print_blob=True
)
settings.load_profile("lightlag")

# threads that wait for each other on small tables: as many cores as processes are all in use
os.environ.setdefault("POLARS_MAX_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

os.environ.setdefault("LIGHTLAG_COMPILED", "0")

from dtn import native  # noqa: E402  # not before that is said

USERS = "LIGHTLAG_TESTS_USERS_COMPILED"
"""Hands the user's compiled modules on to the workers of pytest-xdist."""

os.environ.setdefault(USERS, str(native.cache()))
if os.environ[native.VARIABLE] == "1":
    os.environ[native.VARIABLE] = os.environ[USERS]
    if not native.is_in_use():  # else the sources would be tested again, and be taken for them
        pytest.exit("no compiled modules fit: python -m emulator.compile_ahead", 4)

# plans that tests make are no business of the user's cache
os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(prefix="lightlag-tests-")


@pytest.fixture(scope="session")
def users_compiled() -> Path:
    """Where compiled modules are that fit; skips the test if there are none."""
    kept = Path(os.environ[USERS])
    if not (kept / native.digest()).is_dir():
        pytest.skip("nothing is compiled: python -m emulator.compile_ahead")
    return kept
