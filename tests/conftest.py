"""Hypothesis, the same on every machine: no deadline, no database, examples drawn in one order."""

from hypothesis import settings

settings.register_profile(
    "lightlag", deadline=None, derandomize=True, database=None, max_examples=60, print_blob=True
)
settings.load_profile("lightlag")
