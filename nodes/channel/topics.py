"""Topics of one run: who says what where. The broker's access list keeps to the same names.

lightlag/RUN/link/FROM/TO      frames, written by FROM, read by TO
lightlag/RUN/event/NODE        what happened at NODE, read by the collector
lightlag/RUN/control/...       the clock (retained) and commands, read by all nodes
lightlag/RUN/node/NODE/status  how NODE is (retained, with a will)
lightlag/RUN/node/NODE/...     questions to one node
"""

from __future__ import annotations

from typing import NamedTuple

ROOT = "lightlag"


class Topics(NamedTuple):
    """The topics of the run of this name."""

    run: str

    def link(self, source: str, destination: str) -> str:
        """Frames between two nodes; "+" stands for any."""
        return f"{ROOT}/{self.run}/link/{source}/{destination}"

    def event(self, node: str) -> str:
        """What happened there."""
        return f"{ROOT}/{self.run}/event/{node}"

    def control(self, what: str) -> str:
        """What all nodes are told."""
        return f"{ROOT}/{self.run}/control/{what}"

    def status(self, node: str) -> str:
        """How a node is."""
        return self.node(node, "status")

    def node(self, node: str, what: str) -> str:
        """What one node is told, or says."""
        return f"{ROOT}/{self.run}/node/{node}/{what}"
