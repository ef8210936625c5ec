"""Trace: one bundle's life, event by event and hop by hop, for a terminal or as plain data."""

from __future__ import annotations

import math
from difflib import get_close_matches
from typing import NamedTuple, assert_never

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from dtn.contact_plan import ContactPlan
from dtn.errors import BadInput, Fault
from dtn.events import (
    BundleDeleted,
    BundleDelivered,
    BundleDuplicate,
    BundleFragmented,
    BundleHeld,
    BundleInFlight,
    BundleLost,
    BundleReassembled,
    BundleReceived,
    BundleSourced,
    FrameLost,
    JobSent,
    MemoryUpset,
    RouteComputed,
    RouteForfeited,
    SecurityOperationFailed,
    TransferFailed,
    TransferFinished,
    TransferStarted,
)
from emulator.reports.breakdown import Journey, Parts
from emulator.reports.fates import ADMINISTRATIVE_FLOW, fate_of, reason_words
from emulator.reports.history import BundleEvent, History
from emulator.reports.readable import bytes_text, counted, duration_text, moment_text, rate_text


class Step(NamedTuple):
    """One line of a trace."""

    t_s: float
    since_s: float
    node: str
    piece: str
    said: str


def find_bundle(history: History, asked: str) -> str:
    """The identity of the sourced bundle that the user means.

    Args:
        history: the run.
        asked: an identity, a fragment's, the number of a row of bundles.csv, or part of an identity.

    Raises:
        BadInput: no bundle is called so, or several are.
    """
    if asked in history.sourced:
        return asked
    whole, _, _ = asked.rpartition("/")
    if whole in history.sourced:
        return whole
    rows = [b for b, sourced in history.sourced.items() if sourced.flow != ADMINISTRATIVE_FLOW]
    if asked.isdecimal() and 1 <= int(asked) <= len(rows):
        return rows[int(asked) - 1]
    matches = [bundle for bundle in history.sourced if asked in bundle] if asked else []
    if len(matches) == 1:
        return matches[0]
    near = matches[:3] or get_close_matches(asked, list(history.sourced)[:20_000], 3, 0.3)
    said = "is in the identities of several bundles" if matches else "is no bundle of this run"
    some = f": {', '.join(near)}" if near else ""
    raise BadInput(Fault("", "BUNDLE", asked, f"{said}; give one of bundles.csv{some}"))


def steps(history: History, plan: ContactPlan, bundle: str) -> list[Step]:
    """Everything that happened to a bundle and its pieces, in order."""
    life = history.lives[bundle]
    since_s = history.sourced[bundle].t_s
    started: dict[tuple[str, str, str], TransferStarted] = {}
    found = []
    for event in life:
        if isinstance(event, TransferStarted):
            started[event.bundle, event.node, event.neighbour] = event
        piece = "" if event.bundle == bundle else event.bundle.rpartition("/")[2]
        said = _said(event, plan, started)
        found.append(Step(event.t_s, event.t_s - since_s, event.node, piece, said))
    return found


def trace_view(
    history: History,
    plan: ContactPlan,
    bundle: str,
    journey: Journey | None,
    ideal_s: float | None,
    start_utc: str,
) -> RenderableType:
    """One bundle's life for a terminal.

    Args:
        history: the run.
        plan: its contact plan.
        bundle: identity of a sourced bundle.
        journey: how it travelled, if it was delivered.
        ideal_s: its ideal latency, if it was delivered.
        start_utc: when the run starts, ISO 8601; "" to count seconds.
    """
    lines = Table(box=None, pad_edge=False, header_style="bold")
    lines.add_column("UTC" if start_utc else "time", no_wrap=True)
    lines.add_column("after", justify="right", no_wrap=True)
    lines.add_column("at", overflow="fold")
    lines.add_column("", overflow="fold", ratio=1)
    for step in steps(history, plan, bundle):
        said = f"[{step.piece}] {step.said}" if step.piece else step.said
        lines.add_row(
            Text(moment_text(step.t_s, start_utc)),
            Text(f"{step.since_s:.3f} s"),
            Text(step.node),
            Text(said),
        )
    heading = _heading(history, bundle, journey, ideal_s)
    if journey is None or not journey.hops:
        return Group(heading, lines)
    return Group(heading, lines, Text(), _hops(journey))


def _heading(history: History, bundle: str, journey: Journey | None, ideal_s: float | None) -> Text:
    sourced = history.sourced[bundle]
    fate = fate_of(bundle, history.lives[bundle])
    text = Text(bundle, style="bold")
    flow = f" of {sourced.flow}" if sourced.flow else ""
    text.append(
        f"\n{bytes_text(sourced.size_bytes)}{flow}, {sourced.node} → {sourced.destination}, "
        f"lifetime {duration_text(sourced.lifetime_s)}\n",
        style="not bold",
    )
    name = fate.name.replace("_", " ")
    said = f"{name} at {fate.node}"
    if fate.cause != fate.name:
        said += f": {fate.cause}"
    if journey is not None:
        said += f" after {duration_text(fate.t_s - sourced.t_s)} (ideal {duration_text(ideal_s)})"
    colour = {"delivered": "green", "in_network": "yellow"}.get(fate.name, "red")
    return text.append(said + "\n", style=f"not bold {colour}")


def _hops(journey: Journey) -> Table:
    """Where the time went, hop by hop; causes that took no time at all have no column."""
    causes = [part for part, s in journey.parts._asdict().items() if s]
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("hop", overflow="fold")
    for cause in (*causes, "in all"):
        table.add_column(cause, justify="right", no_wrap=True)

    def durations(parts: Parts) -> list[str]:
        shares = [parts._asdict()[cause] for cause in causes]
        return [duration_text(s) if s else "0" for s in (*shares, parts.total_s)]

    for hop in journey.hops:
        table.add_row(Text(f"{hop.node} → {hop.neighbour}"), *durations(hop.parts))
    table.add_section()
    table.add_row("in all", *durations(journey.parts), style="bold")
    return table


def _said(
    event: BundleEvent,
    plan: ContactPlan,
    started: dict[tuple[str, str, str], TransferStarted],
) -> str:
    match event:
        case BundleSourced():
            size = bytes_text(event.payload_bytes)
            return f"sourced: {size} for {event.destination}, priority {event.priority}"
        case RouteComputed():
            if not math.isfinite(event.promised_s):
                return f"queued for {event.entry}"
            after = duration_text(event.promised_s - event.t_s)
            hops = counted(event.hops, "hop")
            return f"routed via {event.entry}, {hops}, promised to arrive in {after}"
        case RouteForfeited():
            return f"the contact with {event.entry} ended before its turn came"
        case TransferStarted():
            contact = plan.contacts[event.contact]
            rate = rate_text(contact.rate_at(event.t_s))
            size = bytes_text(event.size_bytes)
            return f"first bit to {event.neighbour}: {size} at {rate}, contact {event.contact}"
        case TransferFinished():
            return f"sent to {event.neighbour}"
        case TransferFailed():
            return f"came back: transfer to {event.neighbour} failed, {event.reason}"
        case BundleReceived():
            start = started.get((event.bundle, event.previous, event.node))
            if start is None:
                return f"received from {event.previous}"
            light = plan.contacts[start.contact].owlt_at(start.t_s)
            return f"received from {event.previous}, {duration_text(light)} of light away"
        case BundleDuplicate():
            return f"a duplicate, from {event.previous}: suppressed"
        case BundleFragmented():
            return f"cut into {len(event.fragments)} fragments"
        case BundleReassembled():
            return f"whole again, from {len(event.fragments)} fragments"
        case BundleDelivered():
            return f"delivered to service {event.service}"
        case BundleDeleted():
            return f"deleted: {reason_words(event.reason)}"
        case BundleLost():
            return f"lost with the node's memory: {event.reason}"
        case SecurityOperationFailed():
            return f"{event.operation} of block {event.target}: {event.why}"
        case JobSent():
            return f"carries the {event.what} of job {event.job}"
        case MemoryUpset():
            return f"{event.bits} bits of it flipped in memory"
        case FrameLost():
            return f"its frame to {event.neighbour} was lost: {event.reason}"
        case BundleHeld():
            return "still in the store at the end of the run"
        case BundleInFlight():
            return f"on its way to {event.neighbour} at the end of the run"
    assert_never(event)
