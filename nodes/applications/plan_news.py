"""PlanNews: a node's own version of the contact plan, and the bundles by which it hears of the next.

At the start a node counts on the contacts of version 0. Who hears of news first, their origin, goes by them at once
and sends them to all the others, in bundles (`dtn.contact_plan.update`) that are routed, wait and fly like any others.
Until it arrives a node decides by what it knows: it may wait for contacts that do not take place, and pass by those
that it was not told of. A link that comes up though its node did not expect it, the node knows from then on.

A satellite that is launched later is told what is known by then. A node whose process starts anew begins with
version 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dtn.bpa import TransmissionRequest
from dtn.bundle import Bundle
from dtn.contact_plan import ContactPlan
from dtn.contact_plan.update import MICROSECONDS, PlanUpdate, decode_update, encode_update, named
from dtn.eid import IpnEid
from nodes.node import Node

PLAN_SERVICE = "65000"
"""Where updates come from and go to: a service number of private use."""

FLOW = "plan-updates"
EXPEDITED = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What somebody hears of the contact plan.

    Args:
        at_s: when.
        origin: name of the node that hears it first.
        lifetime_s: of the bundles that tell the others.
        withdrawn: contacts, by number, that do not take place.
        announced: contacts that nobody knew of.
    """

    at_s: float
    origin: str
    lifetime_s: float
    withdrawn: tuple[int, ...] = ()
    announced: tuple[int, ...] = ()


def unknown_at(news: Sequence[News], at_s: float) -> frozenset[int]:
    """Contacts that a node does not count on which was told everything until a moment, inclusive."""
    unknown = {number for each in news for number in each.announced}
    for each in news:
        if each.at_s <= at_s:
            unknown.difference_update(each.announced)
            unknown.update(each.withdrawn)
    return frozenset(unknown)


class PlanNews:
    """What one node knows of the plan.

    Args:
        node: where it runs; its agent does not count on what it is not told.
        plan: all contacts, whether anybody knows of them or not.
        numbers: node numbers by name.
        news: all news of the run, in order: version 1, 2, and so on.
        told_until_s: up to when its news are known to it from the start; for a launched satellite.
    """

    service = PLAN_SERVICE

    def __init__(
        self,
        node: Node,
        plan: ContactPlan,
        numbers: dict[str, int],
        news: Sequence[News],
        told_until_s: float,
    ) -> None:
        self._node = node
        self._plan = plan
        self._numbers = numbers
        self._news = news
        self._version = sum(each.at_s <= told_until_s for each in news)
        self._waiting: dict[int, PlanUpdate] = {}
        concerned = {n for each in news for n in (*each.withdrawn, *each.announced)}
        self._called = {named(plan.contacts[n], numbers): n for n in sorted(concerned)}

    def start(self, now_s: float, others: Iterable[str]) -> None:
        """Tell the others, when this node is the first to hear."""
        others = tuple(others)
        for version, each in enumerate(self._news, start=1):
            if each.origin == self._node.name and each.at_s >= now_s:
                self._node.timers.schedule(each.at_s, self._hear, version, each, others)

    def deliver(self, bundle: Bundle, now_s: float) -> None:
        """An update came; what cannot be read, or is known, changes nothing."""
        update = decode_update(bundle.payload)
        if update is not None:
            self._take(update, now_s)

    def _hear(self, version: int, news: News, others: tuple[str, ...]) -> None:
        now_s = self._node.timers.time()
        contacts = self._plan.contacts
        payload = encode_update(
            version,
            news.at_s,
            [contacts[number] for number in news.withdrawn],
            [contacts[number] for number in news.announced],
            self._numbers,
        )
        update = decode_update(payload)
        assert update is not None
        self._take(update, now_s)
        for name in others:
            self._node.send(
                TransmissionRequest(
                    service=PLAN_SERVICE,
                    destination=IpnEid(0, self._numbers[name], int(PLAN_SERVICE)),
                    payload=payload,
                    lifetime_s=news.lifetime_s,
                    priority=EXPEDITED,
                    flow=FLOW,
                )
            )

    def _take(self, update: PlanUpdate, now_s: float) -> None:
        """Go by every version that is next; keep what comes before its time."""
        if update.version <= self._version:
            return
        self._waiting[update.version] = update
        while (following := self._waiting.pop(self._version + 1, None)) is not None:
            self._version = following.version
            self._node.plan_changed(
                following.version,
                following.known_us / MICROSECONDS,
                [self._called[name] for name in following.withdrawn if name in self._called],
                [self._called[name] for name in following.announced if name in self._called],
                now_s,
            )
