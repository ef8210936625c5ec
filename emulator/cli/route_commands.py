"""Commands about routes: route."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer
from rich.table import Table

from dtn.errors import BadInput, Fault
from emulator.cli.options import JsonOption
from emulator.cli.output import Json, plain_table, print_json, stdout

if TYPE_CHECKING:
    from dtn.contact_plan import ContactPlan
    from dtn.routing import Route

LISTED = 8
"""Routes that --explain looks at."""


class Load(NamedTuple):
    """The bundle that is asked about, as routing sees it."""

    destination: str
    size_bytes: int
    priority: int
    expires_s: float


class EmptyQueues:
    """A node that has nothing queued and nothing booked."""

    changes = 0

    def __init__(self, plan: ContactPlan) -> None:
        self._contacts = plan.contacts

    def queued(self) -> tuple[str, ...]:
        """To nobody."""
        return ()

    def backlog_bytes(self, neighbour: str, priority: int) -> float:
        """Nothing waits."""
        return 0.0

    def residual_bytes(self, contact: int, priority: int) -> float:
        """All of the contact's volume is left."""
        return self._contacts[contact].volume_bytes()

    def lacking(self, contacts: Iterable[int], priority: int, size_bytes: float) -> list[int]:
        """Contacts that are too short."""
        return [n for n in contacts if self.residual_bytes(n, priority) < size_bytes]


def route(
    plan: Annotated[Path, typer.Argument(metavar="PLAN", help="A contact plan, any format.")],
    a: Annotated[str, typer.Argument(metavar="A", help="Where the bundle is.")],
    b: Annotated[str, typer.Argument(metavar="B", help="The node it is for.")],
    at: Annotated[float, typer.Option("--at", metavar="SECONDS", help="When it is there.")] = 0.0,
    size: Annotated[str, typer.Option("--size", metavar="BYTES", help='Or "20 kB".')] = "1000",
    strategy: Annotated[
        str | None, typer.Option(metavar="NAME", help="Follow this strategy, not the optimum.")
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Why SABR takes or rejects each route.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """The route of one bundle over a contact plan that carries nothing else.

    Without --strategy: the earliest arrival there is, with the fewest hops. With one: what the
    bundle really does when every node on its way asks that strategy.
    """
    from dtn.contact_plan import ContactPlan
    from dtn.routing import earliest_arrival

    contacts = ContactPlan.load(plan)
    _check_asked(plan, contacts, a, b, at)
    size_bytes = _size(size)
    if strategy is None:
        found = earliest_arrival(contacts, a, b, at, size_bytes)
    else:
        found = _followed(contacts, strategy, a, b, at, size_bytes)
    judged = _judged(contacts, a, b, at, size_bytes) if explain else []
    if json:
        document: dict[str, Json] = {
            "source": a,
            "destination": b,
            "at_s": at,
            "size_bytes": size_bytes,
            "strategy": strategy,
            "route": _route_json(found),
        }
        if explain:
            document["considered"] = [
                {**(_route_json(route) or {}), "rejected": why} for route, why in judged
            ]
        print_json(document)
        return
    if found is None:
        typer.echo(f"no route from {a} to {b} for {size_bytes} bytes at {at:g} s")
    else:
        typer.echo(
            f"{a} to {b}: delivered at {found.delivery_s:.6f} s, "
            f"{found.delivery_s - at:.6f} s later, over {found.hops} hops"
        )
        stdout().print(_contact_table(found))
    if explain:
        stdout().print(_verdict_table(judged))


def _check_asked(file: Path, plan: ContactPlan, a: str, b: str, at_s: float) -> None:
    """Whether the plan can answer.

    Raises:
        BadInput: no such nodes, one and the same, or no time.
    """
    from emulator.scenario.faults import did_you_mean

    for name in (a, b):
        if name not in plan.nodes:
            mend = f"no such node: {did_you_mean(name, plan.nodes)}"
            raise BadInput(Fault(str(file), "", f'"{name}"', mend))
    if a == b:
        raise BadInput(Fault("", "B", f'"{b}"', "the bundle is there: name another node"))
    if not math.isfinite(at_s):
        raise BadInput(Fault("", "--at", str(at_s), "write seconds from the plan's start"))


def _size(text: str) -> int:
    from emulator.scenario import parse_size_bytes

    try:
        size_bytes = int(text) if text.isdecimal() else parse_size_bytes(text)
    except ValueError as fault:
        raise BadInput(Fault("", "--size", text, str(fault))) from None
    if size_bytes <= 0:
        raise BadInput(Fault("", "--size", text, "give more than 0 bytes"))
    return size_bytes


def _last_s(plan: ContactPlan) -> float:
    """When the light of the last contact has arrived."""
    return max((c.end_s + c.owlt_at(c.end_s) for c in plan.contacts), default=0.0)


def _followed(
    plan: ContactPlan, strategy: str, a: str, b: str, at_s: float, size_bytes: int
) -> Route | None:
    """What one bundle does in an empty network of nodes that follow a strategy."""
    from dtn.routing import Route
    from emulator.one_process import run
    from emulator.setup import Demand, alone

    last_s = _last_s(plan)
    demand = Demand(
        created_s=at_s,
        source=a,
        destination=b,
        size_bytes=size_bytes,
        lifetime_s=max(last_s - at_s, 1.0),
    )
    result = run(alone(plan, strategy, demand, last_s))
    hops = next((journey.hops for journey in result.journeys.values()), ())
    if not hops:
        return None
    numbers = tuple(hop.contact for hop in hops)
    contacts = tuple(plan.contacts[number] for number in numbers)
    latency_s = float(result.bundles["latency_s"][0])
    return Route(contacts, numbers, hops[0].started_s, at_s + latency_s)


def _judged(
    plan: ContactPlan, a: str, b: str, at_s: float, size_bytes: int
) -> list[tuple[Route, str | None]]:
    """Routes in the order of best-case delivery, each with the clause that rejects it."""
    from dtn.routing.index import index_of
    from dtn.routing.sabr import explain

    load = Load(b, size_bytes, 1, math.inf)
    found = explain(index_of(plan), EmptyQueues(plan), load, a, at_s, k=LISTED)
    return [(candidate.route, candidate.rejected) for candidate in found]


def _route_json(route: Route | None) -> dict[str, Json] | None:
    if route is None:
        return None
    return {
        "departure_s": route.departure_s,
        "delivery_s": _finite(route.delivery_s),
        "hops": route.hops,
        "contacts": [
            {
                "number": number,
                "source": contact.source,
                "destination": contact.destination,
                "start_s": contact.start_s,
                "end_s": contact.end_s,
            }
            for number, contact in zip(route.numbers, route.contacts, strict=True)
        ],
    }


def _finite(seconds: float) -> float | None:
    return seconds if math.isfinite(seconds) else None


def _contact_table(route: Route) -> Table:
    table = plain_table("contact", "from", "to", "start_s", "end_s", words=3)
    for number, contact in zip(route.numbers, route.contacts, strict=True):
        ends = (f"{contact.start_s:.3f}", f"{contact.end_s:.3f}")
        table.add_row(str(number), contact.source, contact.destination, *ends)
    return table


def _verdict_table(judged: Sequence[tuple[Route, str | None]]) -> Table:
    table = plain_table(
        "route", "delivered at", "verdict", words=3, title="considered, by best-case delivery"
    )
    for route, why in judged:
        nodes = [route.contacts[0].source, *(contact.destination for contact in route.contacts)]
        table.add_row(" > ".join(nodes), f"{route.delivery_s:.3f} s", why or "candidate")
    return table
