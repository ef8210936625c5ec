"""Storage over time: how many bytes each node held, told from the events.

A piece is held from the moment it comes to be at a node (sourced, received, cut from a parent) until
it is delivered, deleted or cut up there, or else until its last transfer from there has finished;
what the log says was held at the end is held to the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dtn.events import (
    BundleDeleted,
    BundleDelivered,
    BundleDuplicate,
    BundleFragmented,
    BundleHeld,
    BundleLost,
    BundleReassembled,
    BundleReceived,
    BundleSourced,
    TransferFinished,
    TransferStarted,
)
from emulator.reports.history import BundleEvent, History


class Stay(NamedTuple):
    """One piece at one node."""

    node: str
    from_s: float
    until_s: float
    size_bytes: int


def stays(history: History) -> Iterator[Stay]:
    """Every stay of every piece, bundle by bundle."""
    for life in history.lives.values():
        yield from _stays(life, history.end_s)


def stored_bytes(history: History, edges_s: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """The most that each node held at any moment of each interval.

    Args:
        history: the run.
        edges_s: the intervals' edges, ascending, shape (N + 1,).

    Returns:
        Bytes for each node that ever held any, shape (N,), by name.
    """
    changes: dict[str, list[tuple[float, int]]] = {}
    for stay in stays(history):
        if stay.until_s > stay.from_s:
            at = changes.setdefault(stay.node, [])
            at.append((stay.from_s, stay.size_bytes))
            at.append((stay.until_s, -stay.size_bytes))
    return {node: _most(changes[node], edges_s) for node in sorted(changes)}


def _most(changes: list[tuple[float, int]], edges_s: NDArray[np.float64]) -> NDArray[np.float64]:
    changes.sort()  # at equal times what leaves makes room for what comes
    times = np.array([t for t, _ in changes])
    levels = np.cumsum([change for _, change in changes], dtype=np.float64)
    # The level at the start of each interval, then the highest that it reaches within.
    before = np.concatenate(([0.0], levels))
    places = np.searchsorted(times, edges_s, side="left")
    most = before[places[:-1]]
    within = np.flatnonzero(places[1:] > places[:-1])
    if len(within):
        highest = np.maximum.reduceat(levels, places[within])
        # reduceat's last stretch runs on to the end: no change lies beyond the last edge
        most[within] = np.maximum(most[within], highest)
    return most


_CHANGES = frozenset(
    (
        BundleSourced,
        BundleReceived,
        BundleDuplicate,
        TransferFinished,
        BundleDelivered,
        BundleDeleted,
        BundleLost,
        BundleFragmented,
        BundleHeld,
        BundleReassembled,
    )
)
"""Events that say who holds what."""


def _stays(life: list[BundleEvent], end_s: float) -> Iterator[Stay]:
    open_: dict[tuple[str, str], tuple[float, int]] = {}
    left: dict[tuple[str, str], float] = {}
    changes = [event for event in life if type(event) in _CHANGES]
    suppressed = {(e.t_s, e.node, e.bundle) for e in changes if type(e) is BundleDuplicate}
    for event in changes:
        key = (event.bundle, event.node)
        if isinstance(event, TransferFinished):
            left[key] = event.t_s
        elif isinstance(event, BundleSourced | BundleReceived):
            if suppressed and (event.t_s, event.node, event.bundle) in suppressed:
                continue
            if key not in open_:
                open_[key] = (event.t_s, event.size_bytes)
            elif key in left and isinstance(event, BundleReceived):  # it came back
                yield _closed(event.node, open_.pop(key), left.pop(key))
                open_[key] = (event.t_s, event.size_bytes)
        elif isinstance(
            event, BundleDelivered | BundleDeleted | BundleLost | BundleFragmented | BundleHeld
        ):
            if key in open_:
                left.pop(key, None)
                until_s = end_s if isinstance(event, BundleHeld) else event.t_s
                yield _closed(event.node, open_.pop(key), until_s)
            if isinstance(event, BundleFragmented):
                sizes = {e.bundle: e.size_bytes for e in life if isinstance(e, TransferStarted)}
                for piece in event.fragments:
                    open_[piece, event.node] = (event.t_s, sizes.get(piece, 0))
        elif isinstance(event, BundleReassembled):
            for piece in event.fragments:
                if (piece, event.node) in open_:
                    yield _closed(event.node, open_.pop((piece, event.node)), event.t_s)
    for (piece, node), since in open_.items():
        yield _closed(node, since, left.get((piece, node), since[0]))


def _closed(node: str, since: tuple[float, int], until_s: float) -> Stay:
    return Stay(node, since[0], until_s, since[1])
