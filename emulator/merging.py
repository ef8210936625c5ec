"""One log from those of many processes, with what no process could say of itself.

Each node's events are in the order of causes; between nodes a cause is a light time before what it
brings about, so that the order of times is one of causes too. At equal times the order is that of
the nodes in the setup.

A log that is looked at before the run is over is one of a run that ended there: what nodes hold by
then is worked out from what they received and did not hand on.

A process that is killed says nothing of it: the collector heard its will, so `NodeDown` and the ends
of its contacts stand at that moment. Frames that it held, or that were sent to it, are lost: a
transfer that finished and was never received is a `FrameLost`, or in flight if the run ended first.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from dtn.contact_plan import ContactPlan
from dtn.events import (
    BlockSent,
    BundleDuplicate,
    BundleHeld,
    BundleInFlight,
    BundleReceived,
    ContactEnded,
    ContactStarted,
    Event,
    FrameLost,
    NodeDown,
    NodeUp,
    TransferFinished,
    TransferStarted,
)
from nodes.channel.local import RECEIVER_DOWN
from nodes.node import PROCESS_DIED
from nodes.past import Past

NOT_RECEIVED = "not received"

Hop = tuple[str, str, str]
"""Sender, receiver, bundle."""


def merged(
    logs: Mapping[str, Sequence[Event]],
    deaths: Mapping[str, Sequence[float]],
    plan: ContactPlan,
    ends_s: float,
    *,
    is_over: bool = True,
) -> list[Event]:
    """The log of the run.

    Args:
        logs: each node's events, in its order; the nodes in the setup's.
        deaths: when each node's process died.
        plan: of the run.
        ends_s: where it ends, or how far it is.
        is_over: whether the nodes have said what they still hold.
    """
    whole: list[tuple[float, Event]] = []
    for node, log in logs.items():
        latest_s = 0.0
        for event in _with_deaths(node, log, deaths.get(node, ())):
            latest_s = max(latest_s, event.t_s)
            whole.append((latest_s, event))
    whole += ((event.t_s, event) for event in _lost(logs, deaths, plan, ends_s, is_over))
    for node, log in logs.items():
        if not is_over or _is_dead(log, deaths.get(node, ())):
            held = Past(log).held
            whole += ((ends_s, BundleHeld(ends_s, node, bundle)) for bundle in held)
    whole.sort(key=lambda timed: timed[0])  # stable
    log = [event for _, event in whole]
    put_in_order(log, list(logs))
    return log


def add_unheard(log: list[Event], plan: ContactPlan, ends_s: float) -> None:
    """What becomes of LTP's green blocks that did not arrive, which nobody in one process can say either.

    Their sender is through with them when they are out, and their segments carry no name: one that noise took, whose
    receiver was down or that the end of the run overtook left no trace.

    Args:
        log: of a run in one process, in the order of times; completed in place.
        plan: of the run.
        ends_s: where it ended.
    """
    blocks = {
        (event.t_s, event.node, bundle)
        for event in log
        if isinstance(event, BlockSent)
        for bundle in event.bundles
    }
    logs: dict[str, list[Event]] = {event.node: [] for event in log}
    for event in log:  # red blocks are finished by a report, later than they are sent
        is_red = (
            isinstance(event, TransferFinished)
            and (event.t_s, event.node, event.bundle) not in blocks
        )
        if not is_red:
            logs[event.node].append(event)
    unheard = list(_lost(logs, {}, plan, ends_s, True))
    if unheard:
        log += unheard
        log.sort(key=lambda event: event.t_s)  # stable


def put_in_order(log: list[Event], nodes: Sequence[str]) -> None:
    """Give events of one moment the order of their nodes, whose own order stays.

    Light takes time, so that none of them is the cause of another node's. It makes the log of one
    process and that of many the same.

    Args:
        log: events in the order of their times; put in order in place.
        nodes: in the setup's order.
    """
    ranks = {node: rank for rank, node in enumerate(nodes)}

    def place(event: Event) -> tuple[int, bool, int]:
        rank = ranks[event.node]
        if isinstance(event, BundleInFlight):  # said by the channel, or by its receiver
            return rank, True, ranks[event.neighbour]
        return rank, False, 0

    begin = 0
    count = len(log)
    while begin < count:
        t_s, end = log[begin].t_s, begin + 1
        while end < count and log[end].t_s <= t_s:
            end += 1
        if end - begin > 1:
            log[begin:end] = sorted(log[begin:end], key=place)
        begin = end


def _with_deaths(node: str, log: Sequence[Event], deaths_s: Sequence[float]) -> Iterator[Event]:
    """A node's events, each death before the `NodeUp` that followed it."""
    waiting = list(deaths_s)
    up: dict[int, str] = {}
    is_up = False
    latest_s = 0.0
    for event in log:
        if is_up and waiting and event.t_s > waiting[0]:  # its first word after that
            yield from _death(node, max(waiting.pop(0), latest_s), up)
            is_up = False
        elif is_up and isinstance(event, NodeUp):  # it never said that it went down
            died_s = waiting.pop(0) if waiting else event.t_s
            yield from _death(node, max(min(died_s, event.t_s), latest_s), up)
        if isinstance(event, NodeUp | NodeDown):
            is_up = isinstance(event, NodeUp)
        elif isinstance(event, ContactStarted):
            up[event.contact] = event.neighbour
        elif isinstance(event, ContactEnded):
            up.pop(event.contact, None)
        latest_s = max(latest_s, event.t_s)
        yield event
    if waiting and is_up:
        yield from _death(node, max(waiting[0], latest_s), up)


def _death(node: str, t_s: float, up: dict[int, str]) -> Iterator[Event]:
    for contact, neighbour in up.items():
        yield ContactEnded(t_s, node, neighbour, contact, PROCESS_DIED)
    up.clear()
    yield NodeDown(t_s, node, PROCESS_DIED)


def _lost(
    logs: Mapping[str, Sequence[Event]],
    deaths: Mapping[str, Sequence[float]],
    plan: ContactPlan,
    ends_s: float,
    is_over: bool,
) -> Iterator[Event]:
    """Transfers that finished and of which nothing more was heard."""
    arrivals = _arrivals(logs)
    absences = {node: _absences(log, deaths.get(node, ())) for node, log in logs.items()}
    for node, log in logs.items():
        contact = 0
        size_bytes: dict[tuple[str, str], tuple[int, int]] = {}
        for event in log:
            if isinstance(event, TransferStarted):
                size_bytes[event.neighbour, event.bundle] = (event.contact, event.size_bytes)
            elif isinstance(event, TransferFinished):
                hop = (node, event.neighbour, event.bundle)
                if arrivals[hop]:
                    arrivals[hop] -= 1
                    continue
                contact, size = size_bytes.get(hop[1:], (contact, 0))
                arrives_s = event.t_s + plan.contacts[contact].owlt_at(event.t_s)
                if arrives_s > ends_s:
                    yield BundleInFlight(ends_s, node, event.bundle, event.neighbour)
                    continue
                flight_s = (event.t_s, arrives_s)
                reason = NOT_RECEIVED
                if _overlaps(absences[event.neighbour], flight_s):
                    reason = RECEIVER_DOWN
                elif _overlaps(absences[node], flight_s):
                    reason = PROCESS_DIED  # the sender's, before the broker had the frame
                elif not is_over:  # its receiver may not have told yet
                    yield BundleInFlight(ends_s, node, event.bundle, event.neighbour)
                    continue
                yield FrameLost(arrives_s, event.neighbour, node, event.bundle, size, reason)


def _is_dead(log: Sequence[Event], deaths_s: Sequence[float]) -> bool:
    """Whether its process died, and none came after it to say what the store has."""
    return bool(deaths_s) and not any(e.t_s > deaths_s[-1] for e in log[-1:])


def _overlaps(absences: list[tuple[float, float]], flight_s: tuple[float, float]) -> bool:
    return any(since <= flight_s[1] and flight_s[0] <= until for since, until in absences)


def _absences(log: Sequence[Event], deaths_s: Sequence[float]) -> list[tuple[float, float]]:
    """From when until when a node was away or its process dead.

    Its will comes some time after its death; from what it said last on, it may have been dead.
    """
    last_s = [max((e.t_s for e in log if e.t_s <= died_s), default=died_s) for died_s in deaths_s]
    ups = [(event.t_s, True) for event in log if isinstance(event, NodeUp)]
    downs = [(event.t_s, False) for event in log if isinstance(event, NodeDown)]
    changes = sorted([*ups, *downs, *((t_s, False) for t_s in last_s)])
    changes.append((math.inf, True))
    return [(since, until) for (since, is_up), (until, _) in pairwise(changes) if not is_up]


def _arrivals(logs: Mapping[str, Sequence[Event]]) -> Counter[Hop]:
    """How often each hop's end is known."""
    known: Counter[Hop] = Counter()
    for node, log in logs.items():
        for event in log:
            if isinstance(event, BundleReceived | BundleDuplicate):
                known[event.previous, node, event.bundle] += 1
            elif isinstance(event, FrameLost):
                known[event.neighbour, event.node, event.bundle] += 1
            elif isinstance(event, BundleInFlight):
                known[event.node, event.neighbour, event.bundle] += 1
    return known
