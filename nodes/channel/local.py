"""LocalChannel: frames between nodes of one process, held on the loop's heap until they arrive.

It is exact and loses nothing by itself: a frame is late only as the loop is (`loop.lateness`). A
frame that arrives at a node that is down is lost, and said to be.
"""

from __future__ import annotations

from collections.abc import Callable

from dtn.events import BundleInFlight, Event, FrameLost
from nodes.channel.channel import Receive
from nodes.channel.frame import Frame, arrival_order
from nodes.timers import ArrivalTimers

RECEIVER_DOWN = "receiver down"


class LocalChannel:
    """The channel of one process.

    Args:
        timers: the loop.
        record: takes events.

    Attributes:
        in_flight: what is on its way: source, destination and sequence of a frame, and its bundle.
    """

    def __init__(self, timers: ArrivalTimers, record: Callable[[Event], object]) -> None:
        self._timers = timers
        self._record = record
        self._receivers: dict[str, Receive] = {}
        self.in_flight: dict[tuple[str, str, int], str] = {}

    def attach(self, node: str, receive: Receive) -> None:
        """The node is up: hand it what arrives from now on."""
        self._receivers[node] = receive

    def detach(self, node: str) -> None:
        """The node is down: what arrives from now on is lost."""
        self._receivers.pop(node, None)

    def send(self, frame: Frame, bundle_id: str) -> None:
        """Hold a frame until it arrives."""
        self.in_flight[frame[:3]] = bundle_id
        self._timers.schedule_arrival(frame.arrives_s, arrival_order(frame), self._arrive, frame)

    def _arrive(self, frame: Frame) -> None:
        bundle_id = self.in_flight.pop(frame[:3])
        receive = self._receivers.get(frame.destination)
        if receive is not None:
            receive(frame)
            return
        self._record(
            FrameLost(
                frame.arrives_s,
                frame.destination,
                frame.source,
                bundle_id,
                frame.size_bytes,
                RECEIVER_DOWN,
            )
        )

    def end(self, now_s: float) -> None:
        """The run is over: say what is still between two nodes."""
        for (source, destination, _), bundle_id in self.in_flight.items():
            if not bundle_id:
                continue  # segments: their senders still hold the bundles
            self._record(BundleInFlight(now_s, source, bundle_id, destination))
