"""Radiation: bits that particles flip in a memory, what its protection mends, and what is left.

Upsets are a Poisson process, each bit alike, storms multiply the rate. Each upset is drawn, with its time and its bit,
and the protection does what such a memory does: nothing is taken from the formula that it is known by, so that formula
remains a check (`residual_rate`).

    none   a flipped bit is wrong
    ecc    SEC-DED, 72 bits for 64 (M. Y. Hsiao, IBM J. Res. Dev. 14, 1970): one flip in a word is mended when it is
           scrubbed; two before that are found and cannot be mended
    tmr    three copies of each bit and a vote: two flips of a bit's copies before it is scrubbed outvote the third

At its best: a month of a quiet memory costs nothing but the draws for what was read from it.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, NamedTuple

from nodes.spacecraft.options import Protection, RadiationOptions, Storm

DAY_S: Final = 86_400.0
WORD_BITS: Final = 64
CODE_BITS: Final = 72
COPIES: Final = 3


class Damage(NamedTuple):
    """What happened to some bits of a memory.

    Attributes:
        flips: of memory cells, check bits and copies included.
        mended: of them, those that the protection undid.
        wrong: data bits that are wrong now, by place, rising.
        lost: whether a word was found that cannot be mended, even if only its check bits are wrong.
    """

    flips: int
    mended: int
    wrong: tuple[int, ...]
    lost: bool


UNHARMED: Final = Damage(0, 0, (), False)


@dataclass(slots=True)
class Toll:
    """What particles did since the start."""

    bit_days: float = 0.0
    flips: int = 0
    mended: int = 0
    left: int = 0
    bundles: int = 0
    frames: int = 0
    resets: int = 0


class Memory:
    """A memory under radiation.

    Args:
        options: its rate and protection.
        storms: those that hit it.
        rng: where its upsets come from.
    """

    def __init__(
        self, options: RadiationOptions, storms: Sequence[Storm], rng: random.Random
    ) -> None:
        self.toll = Toll()
        self._options = options
        self._storms = list(storms)
        self._rng = rng
        self._last_storm_s = max((storm.until_s for storm in storms), default=-math.inf)

    def hit_by(self, storm: Storm) -> None:
        """One storm more, which has not begun before now."""
        self._storms.append(storm)
        self._last_storm_s = max(self._last_storm_s, storm.until_s)

    def exposed(self, bits: int, from_s: float, until_s: float) -> Damage:
        """What happens to so many bits of data from one time to another."""
        cells = cells_of(bits, self._options.protection)
        expected = cells * self.rate(from_s, until_s)
        self.toll.bit_days += bits * (until_s - from_s) / DAY_S
        count = poisson(expected, self._rng)
        if not count:
            return UNHARMED
        hits = [(self._moment(from_s, until_s), self._rng.randrange(cells)) for _ in range(count)]
        damage = _PROTECTED[self._options.protection](hits, bits, self._options.scrub_s)
        toll = self.toll
        toll.flips += damage.flips
        toll.mended += damage.mended
        toll.left += len(damage.wrong)
        return damage

    def is_hit(self, bits: int, at_s: float, for_s: float) -> bool:
        """Whether any of so many unprotected bits flips in a short time: a frame on its way out."""
        expected = bits * self.rate(at_s - for_s, at_s)
        hit = self._rng.random() < -math.expm1(-expected)
        if hit:
            self.toll.flips += 1
            self.toll.left += 1
            self.toll.frames += 1
        return hit

    def next_reset_s(self, after_s: float) -> float:
        """When a particle next resets the processor; inf if never."""
        per_day = self._options.resets_per_day
        if per_day <= 0.0:
            return math.inf
        # thinning (Lewis and Shedler 1979): draw at the highest rate, keep as many as the rate says
        most = max([1.0, *(storm.factor for storm in self._storms)])
        at_s = after_s
        while True:
            at_s += self._rng.expovariate(per_day * most / DAY_S)
            if self._rng.random() * most < self.factor(at_s):
                return at_s
            if at_s > self._last_storm_s:
                most = max(1.0, self.factor(at_s))

    def factor(self, t_s: float) -> float:
        """How many times as likely upsets are."""
        factors = [storm.factor for storm in self._storms if storm.at_s <= t_s < storm.until_s]
        return math.prod(factors)

    def rate(self, from_s: float, until_s: float) -> float:
        """Expected upsets of one cell from one time to another."""
        effective_s = until_s - from_s
        if from_s < self._last_storm_s:
            edges = sorted(
                {from_s, until_s}
                | {
                    edge
                    for storm in self._storms
                    for edge in (storm.at_s, storm.until_s)
                    if from_s < edge < until_s
                }
            )
            effective_s = math.fsum((b - a) * self.factor(a) for a, b in pairwise(edges))
        return self._options.upsets_per_bit_day * effective_s / DAY_S

    def _moment(self, from_s: float, until_s: float) -> float:
        """When an upset of that time happened, more likely in a storm."""
        if from_s >= self._last_storm_s:
            return self._rng.uniform(from_s, until_s)
        most = max([1.0, *(storm.factor for storm in self._storms)])
        while True:
            at_s = self._rng.uniform(from_s, until_s)
            if self._rng.random() * most < self.factor(at_s):
                return at_s


def cells_of(bits: int, protection: Protection) -> int:
    """Memory cells that hold so many bits of data."""
    match protection:
        case "none":
            return bits
        case "ecc":
            return -(-bits // WORD_BITS) * CODE_BITS
        case "tmr":
            return COPIES * bits


def poisson(expected: float, rng: random.Random) -> int:
    """A number drawn from Poisson's distribution: by multiplication (Knuth), large means in halves."""
    if expected <= 0.0:
        return 0
    if expected > 30.0:
        return poisson(expected / 2, rng) + poisson(expected / 2, rng)
    limit, product, count = math.exp(-expected), rng.random(), 0
    while product > limit:
        product *= rng.random()
        count += 1
    return count


# ------------------------------------------------------------------------------------ protection


Hit = tuple[float, int]
"""When, and which cell."""


def _unprotected(hits: Sequence[Hit], bits: int, scrub_s: float) -> Damage:
    return Damage(len(hits), 0, _odd(cell for _, cell in hits), False)


def _corrected(hits: Sequence[Hit], bits: int, scrub_s: float) -> Damage:
    wrong: list[int] = []
    mended = 0
    lost = False
    for (word, _), cells in _between_scrubs(hits, CODE_BITS, scrub_s).items():
        flipped = _odd(cells)
        if len(flipped) == 1:
            mended += 1
        elif flipped:
            lost = True
            wrong += [word * WORD_BITS + place for place in flipped if place < WORD_BITS]
    wrong = [bit for bit in _odd(wrong) if bit < bits]
    return Damage(len(hits), mended, tuple(wrong), lost)


def _voted(hits: Sequence[Hit], bits: int, scrub_s: float) -> Damage:
    wrong: list[int] = []
    mended = 0
    for (bit, _), copies in _between_scrubs(hits, COPIES, scrub_s).items():
        flipped = _odd(copies)
        if len(flipped) > 1:
            wrong.append(bit)
        else:
            mended += len(flipped)
    return Damage(len(hits), mended, _odd(wrong), False)


_PROTECTED: Final[dict[Protection, Callable[[Sequence[Hit], int, float], Damage]]] = {
    "none": _unprotected,
    "ecc": _corrected,
    "tmr": _voted,
}


def _between_scrubs(
    hits: Sequence[Hit], group: int, scrub_s: float
) -> dict[tuple[int, int], list[int]]:
    """Hits of each group of cells between two scrubs: which of its cells."""
    found: dict[tuple[int, int], list[int]] = {}
    for at_s, cell in hits:
        found.setdefault((cell // group, int(at_s // scrub_s)), []).append(cell % group)
    return found


def _odd(cells: Iterable[int]) -> tuple[int, ...]:
    """Those that are hit an odd number of times: two flips undo each other."""
    counts = Counter(cells)
    return tuple(sorted(cell for cell, times in counts.items() if times % 2))


# -------------------------------------------------------------------------------------- formulas


def residual_rate(upsets_per_bit_day: float, protection: Protection, scrub_s: float) -> float:
    """Groups that end a scrub with an error that cannot be mended, per bit of data and day, by the double-flip formula.

    A group of n cells has two flips or more between two scrubs with the probability 1 - (1 + m) e^-m, m = n times the
    rate times the interval: n(n-1)/2 (rate interval)^2 for small ones. Its groups are words (ecc) or bits (tmr). For
    tmr two flips of the same copy do not count: 3 q^2 - 2 q^3, q a copy's probability to be wrong.
    """
    interval_d = scrub_s / DAY_S
    match protection:
        case "none":
            return upsets_per_bit_day
        case "ecc":
            m = CODE_BITS * upsets_per_bit_day * interval_d
            twice = -math.expm1(-m) - m * math.exp(-m) if m > 1e-4 else 0.5 * m * m
            same = twice / CODE_BITS  # both in one cell: undone
            return (twice - same) / WORD_BITS / interval_d
        case "tmr":
            q = -0.5 * math.expm1(-2.0 * upsets_per_bit_day * interval_d)
            return (3.0 * q * q - 2.0 * q**3) / interval_d


def error_probability(
    radiation: RadiationOptions | None, memory_bits: int, for_s: float, *, factor: float = 1.0
) -> float:
    """How likely a computation that keeps so many bits in memory for a time comes out wrong.

    Every error that protection leaves is taken to spoil it, which is the worst case: most bits of a network's weights
    do not matter. Votes over several runs are for who runs them (`nodes.computing.voting`).

    Args:
        radiation: of the node; None: none.
        memory_bits: that the computation depends on.
        for_s: how long it runs.
        factor: of a storm.
    """
    if radiation is None:
        return 0.0
    rate = residual_rate(
        radiation.upsets_per_bit_day * factor, radiation.protection, radiation.scrub_s
    )
    return -math.expm1(-rate * memory_bits * for_s / DAY_S)
