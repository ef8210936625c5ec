"""One agent, a bundle that it is given, and what it makes of it."""

from __future__ import annotations

import random

from dtn.administrative_record import StatusReport
from dtn.administrative_record import decode as decode_record
from dtn.bpa import Agent, AgentOptions
from dtn.bpa.outputs import Output, Store, Transmit
from dtn.bundle import Bundle, BundleFlag, CanonicalBlock
from dtn.codec import decode, encode
from dtn.contact_plan import Contact, ContactPlan
from dtn.eid import IpnEid
from dtn.events import (
    BundleDeleted,
)
from dtn.fragmentation import fragment
from dtn.routing import load_strategy
from dtn.routing.engine import RoutingEngine
from tests.dtn.agents import START_DTN_MS
from tests.dtn.bundles import a_bundle

NAMES = {1: "a", 2: "b", 3: "c", "earth": "a", "mars": "c"}
BOTH_WAYS = [
    Contact("a", "b", 0.0, 1000.0, 8000.0, 2.0),
    Contact("b", "a", 0.0, 1000.0, 8000.0, 2.0),
    Contact("b", "c", 0.0, 1000.0, 8000.0, 3.0),
    Contact("c", "b", 0.0, 1000.0, 8000.0, 3.0),
]
ASK_ALL = BundleFlag.ANY_REPORT | BundleFlag.STATUS_TIME_REQUESTED


def an_agent(name: str = "b", number: int = 2, **options: object) -> Agent:
    """An agent on its own, with its link to c open from the start."""
    plan = ContactPlan(BOTH_WAYS)
    routing = RoutingEngine(name, plan, load_strategy("sabr"), random.Random(1))
    setup = {"node_id": IpnEid(0, number, 0), "names": NAMES, "start_dtn_ms": START_DTN_MS}
    agent = Agent(name, AgentOptions(**{**setup, **options}), routing)
    for place, contact in enumerate(plan.contacts):
        if contact.source == name:
            agent.contact_started(place, 0.0)
    return agent


def bundle(*blocks: CanonicalBlock, payload: bytes = b"hello", **primary: object) -> Bundle:
    """A bundle from a to c, created at the start."""
    usual = {"source": "ipn:1.1", "destination": "ipn:3.1", "report_to": "ipn:1.0"}
    times = {"time_ms": START_DTN_MS, "lifetime_ms": 600_000}
    return a_bundle(payload, *blocks, **{**usual, **times, **primary})


def receive(agent: Agent, what: Bundle, now_s: float = 10.0, light_s: float = 2.0) -> list[Output]:
    """What comes of it, with a store that commits at once."""
    out = agent.receive_octets(encode(what), "a", now_s, light_s)
    for output in tuple(out):
        if isinstance(output, Store):
            out += agent.stored(output.ref, now_s)
    return out


def only(kind: type, out: list[Output]) -> list[Output]:
    return [output for output in out if isinstance(output, kind)]


def deleted(out: list[Output]) -> list[int]:
    return [event.reason for event in only(BundleDeleted, out)]


def sent(out: list[Output]) -> Bundle:
    """The one bundle that went out, as its receiver decodes it."""
    (transmit,) = only(Transmit, out)
    return decode(encode(transmit.bundle))


def reports(out: list[Output]) -> list[StatusReport]:
    """The status reports that the agent made."""
    stored = [o.bundle for o in only(Store, out) if o.bundle.is_administrative]
    return [decode_record(report.payload) for report in stored]


def pieces_of(
    payload_bytes: int = 1000, max_bytes: int = 300, **primary: object
) -> tuple[Bundle, ...]:
    whole = bundle(payload=bytes(payload_bytes), destination="ipn:2.1", **primary)
    return fragment(whole, max_bytes)
