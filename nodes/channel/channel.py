"""Channel: what every way of carrying frames offers, whether in process or between processes.

The sender has applied the link already: the frame bears its arrival time. A channel hands it to the
receiver at that time, which hides its own latency inside the light time, or says what became of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from nodes.channel.frame import Frame

Receive = Callable[[Frame], object]


class Channel(Protocol):
    """Carries frames from sender to receiver."""

    def attach(self, node: str, receive: Receive) -> None:
        """The node is up: its frames go to `receive`, each at its arrival time."""

    def detach(self, node: str) -> None:
        """The node is down: frames that arrive from now on are lost."""

    def send(self, frame: Frame, bundle_id: str) -> None:
        """Carry a frame; `bundle_id` names its bundle, for events; empty if it carries segments."""
