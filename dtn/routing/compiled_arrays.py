"""What the kernel works on: a plan and the labels of a search, as arrays. See `dtn.routing.kernel`."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MOST_ROUNDS = 32
"""Hops up to which the kernel looks for fewer, and for alternatives; beyond, plain Python does."""


class Plan(NamedTuple):
    """A plan as arrays; contacts by their numbers.

    Args:
        times: start, seconds a byte takes at the highest rate, shortest light time, end, rate (0 if it varies).
        ends: from, to, and its place among the varying contacts or -1.
        marks: moments from which on a list of open rows holds, node after node.
        of_node: where each node's moments begin.
        of_mark: where each moment's list begins.
        open_rows: the lists.
        varying: of a varying contact, where its rates, its sums of bits and its light times begin among the samples,
            and how many rates and light times there are. A constant is one sample.
        samples: those samples.
    """

    times: Floats
    ends: Ints
    marks: Floats
    of_node: Ints
    of_mark: Ints
    open_rows: Ints
    varying: Ints
    samples: Floats


class Labels(NamedTuple):
    """Room for one search.

    Args:
        arrival: earliest arrival by node; comes in with the origin, the first hops, and NaN for avoided nodes.
        latest: latest moment to be ready, by node.
        best: earliest arrival with so many hops, by node.
        ready: the same of this round and the last.
        there: soonest arrival over the contacts seen.
        via: contact of the arrival, by node.
        pending: 1 for nodes that are yet to send; comes in with the origin and the first hops.
        closed: 1 for nodes that the search does not enter from the origin.
        barred: why a contact may not be used, by number.
        seen: contacts seen: number, and which one of the same receiver was seen next.
        lists: first and last of those, by receiver.
        tight: contacts that can be on a route which arrives as soon.
        path: contacts of the route.
        reached: nodes of this round and the last.
        mark: the last round that reached a node.
        before: contact over which a node was reached, by round.
    """

    arrival: Floats
    latest: Floats
    best: Floats
    ready: Floats
    there: Floats
    via: Ints
    pending: Ints
    closed: Ints
    barred: Ints
    seen: Ints
    lists: Ints
    tight: Ints
    path: Ints
    reached: Ints
    mark: Ints
    before: Ints


def packed(plan: Plan) -> tuple[Floats, Ints]:
    """A plan in two arrays: a call from Python costs some hundred nanoseconds for each that it hands over."""
    sizes = [len(plan.times), len(plan.of_node) - 1, len(plan.marks)]
    sizes += [len(plan.open_rows), len(plan.varying), len(plan.samples)]
    floats = np.concatenate((plan.times.ravel(), plan.marks, plan.samples))
    ints = (plan.ends.ravel(), plan.of_node, plan.of_mark, plan.open_rows, plan.varying.ravel())
    return floats, np.concatenate((np.array(sizes, dtype=np.int64), *ints))


def plan_in(floats: Floats, ints: Ints) -> Plan:
    """What `packed` put together."""
    contacts, nodes, marks, rows, varying = ints[0], ints[1], ints[2], ints[3], ints[4]
    ends_at = 6
    node_at = ends_at + 3 * contacts
    mark_at = node_at + nodes + 1
    rows_at = mark_at + marks + 1
    varying_at = rows_at + rows
    return Plan(
        floats[: 5 * contacts].reshape(contacts, 5),
        ints[ends_at:node_at].reshape(contacts, 3),
        floats[5 * contacts : 5 * contacts + marks],
        ints[node_at:mark_at],
        ints[mark_at:rows_at],
        ints[rows_at:varying_at],
        ints[varying_at : varying_at + 5 * varying].reshape(varying, 5),
        floats[5 * contacts + marks :],
    )


def room(nodes: int, contacts: int) -> tuple[Floats, Ints]:
    """Room for labels, in two arrays."""
    of_nodes = 9 + MOST_ROUNDS
    return np.empty(5 * nodes + contacts), np.zeros(of_nodes * nodes + 4 * contacts, dtype=np.int64)


def labels_in(floats: Floats, ints: Ints, nodes: int, contacts: int) -> Labels:
    """The labels in their room."""
    n, at = nodes, 9 * nodes + 4 * contacts
    return Labels(
        floats[:n],
        floats[n : 2 * n],
        floats[2 * n : 3 * n],
        floats[3 * n : 5 * n].reshape(2, n),
        floats[5 * n :],
        ints[:n],
        ints[n : 2 * n],
        ints[2 * n : 3 * n],
        ints[9 * n : 9 * n + contacts],
        ints[9 * n + contacts : 9 * n + 3 * contacts].reshape(contacts, 2),
        ints[3 * n : 5 * n].reshape(n, 2),
        ints[9 * n + 3 * contacts : at],
        ints[5 * n : 6 * n],
        ints[6 * n : 8 * n].reshape(2, n),
        ints[8 * n : 9 * n],
        ints[at : at + MOST_ROUNDS * n].reshape(MOST_ROUNDS, n),
    )


plan_of = njit(cache=True)(plan_in)
labels_of = njit(cache=True)(labels_in)
