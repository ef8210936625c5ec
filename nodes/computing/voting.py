"""Votes: an inference that is run n times, and what is left of its errors.

Runs come out wrong independently, each with probability p; the majority decides. The decision is wrong if more than
half of the runs are, which is an upper bound: runs that are wrong in different ways would not agree.
Source: J. von Neumann, Probabilistic Logics (1956); R. E. Lyons and W. Vanderkulk, IBM J. Res. Dev. 6 (1962) 200.
"""

from __future__ import annotations

import math
import random


def residual_error(upset_probability: float, runs: int) -> float:
    """How likely the majority of an odd number of runs is wrong."""
    p = upset_probability
    return math.fsum(
        math.comb(runs, wrong) * p**wrong * (1 - p) ** (runs - wrong)
        for wrong in range(runs // 2 + 1, runs + 1)
    )


def wrong_runs(upset_probability: float, runs: int, rng: random.Random) -> int:
    """How many of the runs came out wrong, drawn one by one."""
    if upset_probability <= 0:
        return 0
    return sum(rng.random() < upset_probability for _ in range(runs))
