"""Hand-made event streams: what a log would say of small stories with known answers.

Two links: a to b in [100, 200] with light time 1 s, b to c in [150, 400] with light time 2 s, both
at 8 kbit/s, so that a bundle of 1000 bytes takes 1 s of airtime.
"""

from __future__ import annotations

from dtn.contact_plan import Contact, ContactPlan
from dtn.events import (
    BundleDelivered,
    BundleReceived,
    BundleSourced,
    ContactEnded,
    ContactStarted,
    Event,
    TransferFinished,
    TransferStarted,
)

PLAN = ContactPlan(
    [
        Contact("a", "b", 100.0, 200.0, 8000.0, 1.0),
        Contact("b", "c", 150.0, 400.0, 8000.0, 2.0),
    ],
    ipn_numbers={"a": 1, "b": 2, "c": 3},
)
CONTACTS: list[Event] = [
    ContactStarted(100.0, "a", "b", 0),
    ContactStarted(150.0, "b", "c", 1),
    ContactEnded(200.0, "a", "b", 0, "scheduled"),
    ContactEnded(400.0, "b", "c", 1, "scheduled"),
]


def sourced(t_s: float, bundle: str = "x", flow: str = "telemetry", node: str = "a") -> Event:
    return BundleSourced(t_s, node, bundle, "ipn:1.1", "ipn:3.1", 1000, 900, 1000.0, 1, flow)


def hop(t_s: float, node: str, neighbour: str, bundle: str = "x", size: int = 1000) -> list[Event]:
    """A transfer that arrives: airtime and light time as the contact has them."""
    number = {("a", "b"): 0, ("b", "c"): 1}[node, neighbour]
    last_s = t_s + size / 1000
    return [
        TransferStarted(t_s, node, bundle, neighbour, number, size),
        TransferFinished(last_s, node, bundle, neighbour),
        BundleReceived(last_s + PLAN.contacts[number].owlt_at(0), neighbour, bundle, node, size),
    ]


def delivered(t_s: float, bundle: str = "x") -> Event:
    return BundleDelivered(t_s, "c", bundle, "1")


def in_order(*events: Event | list[Event]) -> list[Event]:
    """Events and lists of events in order of time."""
    flat: list[Event] = []
    for event in events:
        flat.extend(event if isinstance(event, list) else [event])
    return sorted(flat, key=lambda event: event.t_s)


def story(*events: Event | list[Event]) -> list[Event]:
    """The same, with the contacts' own events."""
    return in_order(CONTACTS, *events)


SIMPLE = story(sourced(50.0), hop(110.0, "a", "b"), hop(150.0, "b", "c"), delivered(153.0))
"""50 s until a contact, 10 s in a's queue, 1 + 1 s to b, 38 s until a contact, 1 + 2 s to c."""
