"""Noise: which segments of a link are lost, drawn from the scenario's seed.

Either each for itself with one probability, or by fades: whatever is sent while one interleaver fills (`FADE_S`)
is lost together, with the probability that the contact has then. A fade is a property of the link and the time, drawn
from their names: it is the same whatever is sent.
"""

from __future__ import annotations

from dtn.contact_plan import Contact
from dtn.contact_plan.contact import FADE_S
from nodes.seeding import generator


class Noise:
    """The noise of one link.

    Args:
        seed: the scenario's.
        source: the transmitting node.
        destination: the receiving node.
        loss: probability that a segment is lost, each for itself; None: by the fades of the contact.
    """

    def __init__(self, seed: int, source: str, destination: str, loss: float | None) -> None:
        self._seed = seed
        self._fade = ("fade", source, destination)
        self._loss = loss
        self._chance = generator(seed, "loss", source, destination)
        self._last = (-1, 1.0)

    def takes(self, contact: Contact, sent_s: float) -> bool:
        """Whether the next segment, whose last bit leaves at `sent_s`, is lost."""
        if self._loss is not None:
            return self._loss > 0 and self._chance.random() < self._loss
        return contact.frame_loss != 0 and self._depth(sent_s) < contact.frame_loss_at(sent_s)

    def _depth(self, sent_s: float) -> float:
        """How deep the link fades at that time: the share of time for which it fades deeper."""
        number = int(sent_s // FADE_S)
        if number != self._last[0]:
            self._last = number, generator(self._seed, *self._fade, str(number)).random()
        return self._last[1]
