"""Past: what became of a node's bundles, and of its energy, up to some event of its journal.

A process that is killed leaves a store and a journal that need not agree: an event is on disk when it is
recorded, what the store was told a moment before may not be. The journal is what neighbours and the log have
been told, so it decides. That a bundle was delivered is one line of it, written before the application has
the bundle: whatever happens then, it is not delivered again.
"""

from __future__ import annotations

from collections.abc import Iterable

from dtn.events import (
    BundleDeleted,
    BundleDelivered,
    BundleDuplicate,
    BundleFragmented,
    BundleLost,
    BundleReassembled,
    BundleReceived,
    BundleSourced,
    EnergySampled,
    Event,
    PowerRestored,
    PowerShed,
    TransferFinished,
)


class Past:
    """A fold over the events of one node.

    Attributes:
        delivered: bundles that applications have had.
        gone: bundles that the node is done with, and has no more.
        held: bundles that it has, in the order in which it got them. One that was sent on is not among them,
            even if the strategy keeps a copy.
        energy: how its energy stood when that was last said; None: it has no account.
        shed: what it had given up for want of power.
        last_s: when something happened last.
    """

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self.delivered: set[str] = set()
        self.gone: set[str] = set()
        self.held: dict[str, None] = {}
        self.energy: EnergySampled | None = None
        self.shed: set[str] = set()
        self.last_s = 0.0
        self._before = (False, False)
        for event in events:
            self.follow(event)

    def follow(self, event: Event) -> None:
        """What comes next."""
        self.last_s = event.t_s
        match event:
            case BundleSourced() | BundleReceived():
                self._before = (event.bundle in self.held, event.bundle in self.gone)
                self._has(event.bundle)
            case BundleDuplicate():  # the event after that it came: suppressed, all is as before
                was_held, was_gone = self._before
                if not was_held:
                    del self.held[event.bundle]
                if was_gone:
                    self.gone.add(event.bundle)
            case BundleDelivered():
                self.delivered.add(event.bundle)
                self._has_no_more(event.bundle)
            case BundleDeleted() | BundleLost():
                self._has_no_more(event.bundle)
            case BundleFragmented():
                self._has_no_more(event.bundle)
                for piece in event.fragments:
                    self._has(piece)
            case BundleReassembled():
                for piece in event.fragments:
                    self._has_no_more(piece)
                self._has(event.bundle)
            case TransferFinished():
                self.held.pop(event.bundle, None)
            case EnergySampled():
                self.energy = event
            case PowerShed():
                self.shed.add(event.what)
            case PowerRestored():
                self.shed.discard(event.what)

    def _has(self, bundle: str) -> None:
        self.held[bundle] = None
        self.gone.discard(bundle)

    def _has_no_more(self, bundle: str) -> None:
        self.held.pop(bundle, None)
        self.gone.add(bundle)


NOTHING = Past()
"""Of a node that was never here before."""
