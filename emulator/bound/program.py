"""The linear program: what no strategy can beat, over the contacts cut into pieces of time.

A network flow in continuous time, relaxed so that every real run is one of its solutions:

- Bundles are fluid: their bits may part, and go on before the rest has come.
- Contacts are cut into pieces. What crosses a piece leaves at its beginning and may have come to the
  sender until its end, so that each hop is at most a piece's length too early, never too late.
- A piece carries no more than its volume, of all commodities together.
- A commodity is what is for one destination and of one size: which of its bundles is which does not
  matter. No more of it may be there by t than would be in an empty network (the ideal arrivals), and
  no more after t than lives longer than t.

Either all is delivered with the least sum of delays, or as much as possible is. The mean bit of a
bundle is no later than its last: so the least sum is at most that of any strategy that delivers the
same bundles; and the most is at least what any delivers. The duals of the volumes tell what more of
a contact would be worth.

Sources: L. R. Ford and D. R. Fulkerson, Flows in Networks, chapter III.9 (flows over time); L. Fleischer
and M. Skutella, SIAM J. Comput. 36 (2007) 1600 (condensed time-expanded networks). Solved by HiGHS.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import coo_array

from dtn.contact_plan import ContactPlan

SLACK = 1e-6
"""By this part of its value a bound is given away, for the solver works with tolerances."""
TOLERANCE_S = 1e-6
"""Who comes so much after a piece's end is still taken, for the emulator has tolerances too."""


class Parcel(NamedTuple):
    """One bundle as the program sees it.

    Args:
        source: node that sources it.
        destination: node it is for.
        size_bytes: what of it must cross every hop at least: its payload.
        created_s: when it is sourced.
        ideal_s: when it arrives in an empty network.
        expires_s: when its lifetime ends.
    """

    source: str
    destination: str
    size_bytes: float
    created_s: float
    ideal_s: float
    expires_s: float


class Piece(NamedTuple):
    """A part of a contact: what it carries, from when until when, and when that arrives at the earliest."""

    contact: int
    source: str
    destination: str
    start_s: float
    end_s: float
    arrives_s: float
    volume_bytes: float


@dataclass(frozen=True, slots=True)
class Solution:
    """What the program found.

    Args:
        value: least sum of delays in seconds, or the most bundles.
        worth_per_minute: by contact number, what one more minute of it would be worth: seconds of
            delay less, or bundles more; contacts that are worth nothing are left out.
        worth_of_twin: the same for as much volume again of all of it. By the program's convexity the most that
            a second such contact could bring.
        variables: the program's size.
        pieces: into which the contacts were cut.
    """

    value: float
    worth_per_minute: dict[int, float]
    worth_of_twin: dict[int, float]
    variables: int
    pieces: int


def cut(plan: ContactPlan, most: int, until_s: float = math.inf) -> list[Piece]:
    """Cut contacts into equal parts, each as long as its neighbours nearly, about `most` in all."""
    lengths = [min(c.end_s, until_s) - c.start_s for c in plan.contacts]
    total_s = sum(length for length in lengths if length > 0)
    room = most - sum(length > 0 for length in lengths)
    step_s = total_s / room if room > 0 else math.inf
    pieces = []
    for number, (contact, length_s) in enumerate(zip(plan.contacts, lengths, strict=True)):
        if length_s <= 0:
            continue
        count = max(math.ceil(length_s / step_s), 1)
        edges = [contact.start_s + length_s * turn / count for turn in range(count)]
        edges.append(contact.start_s + length_s)
        for start_s, end_s in pairwise(edges):
            volume = contact.volume_bytes(start_s, end_s)
            arrives_s = start_s + contact.owlt_at(start_s)
            ends = (contact.source, contact.destination)
            pieces.append(Piece(number, *ends, start_s, end_s, arrives_s, volume))
    return pieces


def least_delay(plan: ContactPlan, parcels: Sequence[Parcel], most_pieces: int) -> Solution:
    """The least sum of delays with which all parcels can be delivered.

    Args:
        plan: the contacts as they were.
        parcels: bundles that some strategy did deliver.
        most_pieces: into which contacts are cut; more are sharper and take longer.
    """
    program = _Program(plan, cut(plan, most_pieces), parcels)
    return program.solve(everything=True)


def most_delivered(
    plan: ContactPlan, parcels: Sequence[Parcel], most_pieces: int, until_s: float
) -> Solution:
    """The most parcels that can be delivered in their lifetimes and by a moment.

    Args:
        plan: the contacts as they were.
        parcels: all bundles that were sourced; ideal_s is inf where there is no route.
        most_pieces: into which contacts are cut.
        until_s: when the run ends.
    """
    possible = [p for p in parcels if p.ideal_s <= min(p.expires_s, until_s)]
    timely = [p._replace(expires_s=min(p.expires_s, until_s)) for p in possible]
    program = _Program(plan, cut(plan, most_pieces, until_s), timely)
    return program.solve(everything=False)


@dataclass(slots=True)
class _Commodity:
    """What is for one destination and of one size."""

    destination: str
    size_bytes: float
    parcels: list[Parcel] = field(default_factory=list)


class _Rows:
    """Rows of a sparse matrix under construction, all of them `<=` or all of them `=`."""

    def __init__(self) -> None:
        self.places: list[int] = []
        self.columns: list[int] = []
        self.values: list[float] = []
        self.right: list[float] = []

    def add(self, right: float) -> int:
        self.right.append(right)
        return len(self.right) - 1

    def put(self, row: int, column: int, value: float) -> None:
        self.places.append(row)
        self.columns.append(column)
        self.values.append(value)

    def matrix(self, columns: int) -> coo_array:
        shape = (len(self.right), columns)
        return coo_array((self.values, (self.places, self.columns)), shape=shape)


class _Program:
    """Builds and solves; amounts are in bundles of their commodity's size."""

    def __init__(
        self, plan: ContactPlan, pieces: Sequence[Piece], parcels: Iterable[Parcel]
    ) -> None:
        self._plan = plan
        self._pieces = pieces
        self._costs: list[float] = []
        self._equal = _Rows()
        self._capacity = _Rows()
        self._capacity_of: dict[int, int] = {}
        self._delivered: list[int] = []
        commodities: dict[tuple[str, float], _Commodity] = {}
        self._created_s = 0.0
        self._count = 0
        for parcel in parcels:
            key = (parcel.destination, parcel.size_bytes)
            commodities.setdefault(key, _Commodity(*key)).parcels.append(parcel)
            self._created_s += parcel.created_s
            self._count += 1
        self._commodities = list(commodities.values())

    def solve(self, *, everything: bool) -> Solution:
        """Least sum of delays with all delivered, or the most that can be."""
        if not self._count:
            return Solution(0.0, {}, {}, 0, len(self._pieces))
        for commodity in self._commodities:
            self._add(commodity, everything)
        columns = len(self._costs)
        found = linprog(  # type: ignore[call-overload]  # its types know no sparse arrays
            self._costs,
            A_ub=self._capacity.matrix(columns).tocsr() if self._capacity.right else None,
            b_ub=self._capacity.right or None,
            A_eq=self._equal.matrix(columns).tocsr(),
            b_eq=self._equal.right,
            method="highs",
        )
        if found.status != 0:
            raise ArithmeticError(f"the linear program has no solution: {found.message}")
        worth: dict[int, float] = {}
        twins: dict[int, float] = {}
        if self._capacity.right:
            worth = self._worth(found.ineqlin.marginals)
            twins = self._twins(found.ineqlin.marginals)
        if everything:
            value = (float(found.fun) - self._created_s) * (1 - SLACK) - SLACK
        else:
            value = min(-float(found.fun) * (1 + SLACK) + SLACK, float(self._count))
        return Solution(max(value, 0.0), worth, twins, columns, len(self._pieces))

    def _worth(self, marginals: NDArray[np.float64]) -> dict[int, float]:
        """A minute more of a contact: its bytes, at the price of its dearest piece."""
        price: dict[int, float] = {}  # per byte
        for place, row in self._capacity_of.items():
            piece = self._pieces[place]
            price[piece.contact] = max(
                price.get(piece.contact, 0.0), -float(marginals[row]) / piece.volume_bytes
            )
        worth = {}
        for number, per_byte in sorted(price.items()):
            contact = self._plan.contacts[number]
            bytes_a_minute = 60 * contact.volume_bytes() / contact.duration_s
            if per_byte * bytes_a_minute > 1e-6:
                worth[number] = per_byte * bytes_a_minute
        return worth

    def _twins(self, marginals: NDArray[np.float64]) -> dict[int, float]:
        """As much volume again of every piece, at its price; the rows are in shares of volumes."""
        worth: dict[int, float] = {}
        for place, row in self._capacity_of.items():
            number = self._pieces[place].contact
            worth[number] = worth.get(number, 0.0) - float(marginals[row])
        return {number: value for number, value in sorted(worth.items()) if value > 1e-6}

    def _variable(self, cost: float = 0.0) -> int:
        self._costs.append(cost)
        return len(self._costs) - 1

    def _add(self, commodity: _Commodity, everything: bool) -> None:
        """One commodity: what nodes hold, what pieces carry, what is delivered when."""
        useful = list(self._useful(commodity))
        flows = {place: self._variable() for place in useful}
        for place, flow in flows.items():
            piece = self._pieces[place]
            if place not in self._capacity_of:  # in shares of the piece's volume
                self._capacity_of[place] = self._capacity.add(1.0)
            share = commodity.size_bytes / piece.volume_bytes
            self._capacity.put(self._capacity_of[place], flow, share)
        nodes = {self._pieces[place].source for place in useful}
        nodes |= {parcel.source for parcel in commodity.parcels}
        for node in sorted(nodes - {commodity.destination}):
            self._hold(node, commodity, flows)
        self._deliver(commodity, flows, everything)

    def _useful(self, commodity: _Commodity) -> Iterator[int]:
        """Pieces that the commodity can reach, and from which it can reach its destination."""
        first_s: dict[str, float] = {}
        for parcel in commodity.parcels:
            first_s[parcel.source] = min(first_s.get(parcel.source, math.inf), parcel.created_s)
        changed = True
        while changed:  # a piece that ends later may bring it sooner: until nothing changes
            changed = False
            for piece in self._pieces:
                begins_s = first_s.get(piece.source, math.inf)
                sooner = piece.arrives_s < first_s.get(piece.destination, math.inf)
                if begins_s <= piece.end_s + TOLERANCE_S and sooner:
                    first_s[piece.destination] = piece.arrives_s
                    changed = True
        last_s = {commodity.destination: max(p.expires_s for p in commodity.parcels)}
        changed = True
        while changed:
            changed = False
            for piece in self._pieces:
                ends_s = last_s.get(piece.destination, -math.inf)
                later = piece.end_s > last_s.get(piece.source, -math.inf)
                leaves = piece.source != commodity.destination
                if piece.arrives_s <= ends_s + TOLERANCE_S and later and leaves:
                    last_s[piece.source] = piece.end_s
                    changed = True
        for place, piece in enumerate(self._pieces):
            begins_s = first_s.get(piece.source, math.inf)
            ends_s = last_s.get(piece.destination, -math.inf)
            in_time = (
                begins_s - TOLERANCE_S <= piece.end_s and piece.arrives_s - TOLERANCE_S <= ends_s
            )
            if in_time and piece.volume_bytes > 0 and piece.source != commodity.destination:
                yield place

    def _hold(self, node: str, commodity: _Commodity, flows: dict[int, int]) -> None:
        """A node's store between the ends of the pieces that leave it: came = went + stays."""
        ends = sorted({self._pieces[p].end_s for p in flows if self._pieces[p].source == node})
        if not ends:
            return
        rows = [self._equal.add(0.0) for _ in ends]
        for row, after in pairwise(rows):
            stays = self._variable()
            self._equal.put(row, stays, -1.0)
            self._equal.put(after, stays, 1.0)
        self._equal.put(rows[-1], self._variable(), -1.0)  # what never leaves
        for place, flow in flows.items():
            piece = self._pieces[place]
            if piece.source == node:
                self._equal.put(rows[bisect_left(ends, piece.end_s)], flow, -1.0)
            elif piece.destination == node:
                after = bisect_left(ends, piece.arrives_s - TOLERANCE_S)
                if after < len(ends):
                    self._equal.put(rows[after], flow, 1.0)
        for parcel in commodity.parcels:
            after = bisect_left(ends, parcel.created_s - TOLERANCE_S)
            if parcel.source == node and after < len(ends):
                self._equal.right[rows[after]] -= 1.0

    def _deliver(self, commodity: _Commodity, flows: dict[int, int], everything: bool) -> None:
        """The destination: what has come may be delivered once it could be there, while it lives."""
        ideals = sorted(parcel.ideal_s for parcel in commodity.parcels)
        arrivals = {
            place: flow
            for place, flow in flows.items()
            if self._pieces[place].destination == commodity.destination
        }
        later = {self._pieces[p].arrives_s for p in arrivals}
        times = sorted({t for t in later if t > ideals[0]} | set(ideals))
        came = [self._equal.add(0.0) for _ in times]
        could = [self._equal.add(0.0) for _ in times]
        lives = [self._equal.add(0.0) for _ in times]
        for chain in (came, could):
            for row, after in pairwise(chain):
                waits = self._variable()
                self._equal.put(row, waits, -1.0)
                self._equal.put(after, waits, 1.0)
            self._equal.put(chain[-1], self._variable(), -1.0)
        # backwards: what is delivered from a moment on is no more than lives until then
        for row, before in pairwise(reversed(lives)):
            waits = self._variable()
            self._equal.put(row, waits, -1.0)
            self._equal.put(before, waits, 1.0)
        self._equal.put(lives[0], self._variable(), -1.0)
        total = self._equal.add(float(len(commodity.parcels))) if everything else None
        for place, t_s in enumerate(times):
            delivered = self._variable(t_s if everything else -1.0)
            for row in (came[place], could[place], lives[place]):
                self._equal.put(row, delivered, -1.0)
            if total is not None:
                self._equal.put(total, delivered, 1.0)
        for flow_place, flow in arrivals.items():
            at = bisect_left(times, self._pieces[flow_place].arrives_s)
            if at < len(times):
                self._equal.put(came[at], flow, 1.0)
        for parcel in commodity.parcels:
            self._equal.right[could[bisect_left(times, parcel.ideal_s)]] -= 1.0
            dies = min(bisect_left(times, parcel.expires_s + 1e-9), len(times))
            self._equal.right[lives[max(dies - 1, 0)]] -= 1.0
