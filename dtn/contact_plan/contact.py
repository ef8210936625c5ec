"""Contact: a directed opportunity to transmit, in the transmitter's time (CCSDS 734.3-B-1 §2.3.1).

A frame whose last bit leaves at t arrives at t + owlt(t). Rate and light time are each a number, or
samples evenly spaced from start to end with straight lines between them; a contact's volume is the
integral of its rate.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from dtn.errors import InvalidValue

INF: Final = math.inf
Samples = float | tuple[float, ...]

TIME_TOLERANCE_S: Final = 1e-9
"""Times closer than this are equal: a bundle that fills a contact to its end still fits."""

FADE_S = 1.0
"""Noise takes everything that is sent within one such interval, or nothing: the depth of a link's interleaver."""


@dataclass(frozen=True, slots=True)
class Contact:
    """From `source` to `destination`, open in [start_s, end_s] (closed at both ends).

    Args:
        source: name of the transmitting node.
        destination: name of the receiving node.
        start_s: first moment of transmission, seconds from the scenario's start.
        end_s: last moment of transmission, same clock.
        rate_bps: data rate, bit/s: a number or evenly spaced samples, positive somewhere, never
            negative.
        owlt_s: one-way light time, seconds: a number or evenly spaced samples, never negative,
            never falling by more than a second a second (nothing moves that fast).
        confidence: probability that the contact takes place, 0 < confidence <= 1.
        frame_loss: probability that what is sent within one fade (`FADE_S`) is lost to noise, in [0, 1): a
            number or evenly spaced samples. What it does is up to the convergence layer: LTP sends it again.

    Raises:
        InvalidValue: a field that cannot stand.
    """

    source: str
    destination: str
    start_s: float
    end_s: float
    rate_bps: Samples
    owlt_s: Samples
    confidence: float = 1.0
    frame_loss: Samples = 0.0
    _sent_bits: tuple[float, ...] = field(init=False, repr=False, compare=False, default=())

    def __post_init__(self) -> None:
        _check(self)
        if type(self.start_s) is not float or type(self.end_s) is not float:  # events are of floats
            object.__setattr__(self, "start_s", float(self.start_s))
            object.__setattr__(self, "end_s", float(self.end_s))
        if isinstance(self.rate_bps, tuple):
            object.__setattr__(self, "_sent_bits", _cumulative_bits(self.rate_bps, self.duration_s))

    @property
    def sent_bits(self) -> tuple[float, ...]:
        """Bits sent by each sample of a varying rate; none for a constant one."""
        return self._sent_bits

    @property
    def duration_s(self) -> float:
        """Length of the contact, seconds."""
        return self.end_s - self.start_s

    @property
    def latest_arrival_s(self) -> float:
        """When a bit that leaves at the very end arrives."""
        return self.end_s + self.owlt_at(self.end_s)

    def owlt_at(self, t_s: float) -> float:
        """Light time of a bit that leaves at t_s; outside the contact, that of the nearer end."""
        owlt = self.owlt_s
        if not isinstance(owlt, tuple):
            return owlt
        return _interpolate(owlt, t_s - self.start_s, self.duration_s)

    def rate_at(self, t_s: float) -> float:
        """Data rate at t_s, bit/s; outside the contact, that of the nearer end."""
        rate = self.rate_bps
        if not isinstance(rate, tuple):
            return rate
        return _interpolate(rate, t_s - self.start_s, self.duration_s)

    def frame_loss_at(self, t_s: float) -> float:
        """Probability that what is sent around t_s is lost to noise."""
        loss = self.frame_loss
        if not isinstance(loss, tuple):
            return loss
        return _interpolate(loss, t_s - self.start_s, self.duration_s)

    def volume_bytes(self, from_s: float = -math.inf, to_s: float = math.inf) -> float:
        """What can be transmitted between two moments, bytes: the integral of the rate over 8."""
        first = max(from_s, self.start_s)
        last = min(to_s, self.end_s)
        if last <= first:
            return 0.0
        if not isinstance(self.rate_bps, tuple):
            return (last - first) * self.rate_bps / 8
        return (self._bits_by(last) - self._bits_by(first)) / 8

    def last_bit_s(self, first_bit_s: float, size_bytes: float) -> float:
        """When the last bit leaves, if the first does at first_bit_s; inf if it does not fit.

        Before the contact's start nothing leaves: the first bit waits for it.
        """
        first = max(first_bit_s, self.start_s)
        if not isinstance(self.rate_bps, tuple):
            last = first + size_bytes * 8 / self.rate_bps
        else:
            last = self._when_sent(first, size_bytes * 8)
        return last if last <= self.end_s + TIME_TOLERANCE_S else INF

    def arrival_s(self, first_bit_s: float, size_bytes: float) -> float:
        """When the last bit arrives, if the first leaves at first_bit_s; inf if it does not fit."""
        # last_bit_s and owlt_at in one: a search asks this more often than anything else
        start_s, rate, owlt = self.start_s, self.rate_bps, self.owlt_s
        first = start_s if first_bit_s < start_s else first_bit_s
        bits = size_bytes * 8
        last = self._when_sent(first, bits) if isinstance(rate, tuple) else first + bits / rate
        if not last <= self.end_s + TIME_TOLERANCE_S:
            return INF
        if not isinstance(owlt, tuple):
            return last + owlt
        cells = len(owlt) - 1
        place = (last - start_s) / (self.end_s - start_s) * cells
        if place <= 0:
            return last + owlt[0]
        if place >= cells:
            return last + owlt[-1]
        cell = int(place)
        here = owlt[cell]
        return last + (here + (owlt[cell + 1] - here) * (place - cell))

    def _bits_by(self, t_s: float) -> float:
        """Bits sent between the contact's start and t_s, for a sampled rate."""
        cell, into_s, step_s = self._cell_at(t_s)
        r0, r1 = self._cell_rates(cell)
        return self._sent_bits[cell] + into_s * (r0 + (r1 - r0) * into_s / (2 * step_s))

    def _when_sent(self, first_s: float, bits: float) -> float:
        """The inverse of _bits_by: when so many bits have left, the first at first_s.

        Most bundles end in the cell of samples they begin in and are reckoned from their first
        bit, so that an hour of bits before them costs no precision.
        """
        start_s, end_s, rates, sent = self.start_s, self.end_s, self.rate_bps, self._sent_bits
        assert isinstance(rates, tuple)
        if first_s >= end_s:
            return first_s if bits == 0 else math.inf
        cells = len(sent) - 1
        step_s = (end_s - start_s) / cells
        cell = int((first_s - start_s) / step_s)
        if cell >= cells:
            cell = cells - 1
        into_s = first_s - start_s - cell * step_s
        r0, r1 = rates[cell], rates[cell + 1]
        here_s, rate = first_s, r0 + (r1 - r0) * into_s / step_s
        room = (step_s - into_s) * (rate + r1) / 2
        if bits > room:
            bits += sent[cell + 1] - room
            if bits > sent[-1]:
                slack = rates[-1] * TIME_TOLERANCE_S + 4 * math.ulp(sent[-1])
                return end_s if bits <= sent[-1] + slack else math.inf
            cell = bisect_left(sent, bits, cell + 1) - 1
            here_s = start_s + cell * step_s
            bits -= sent[cell]
            rate, r0, r1 = rates[cell], rates[cell], rates[cell + 1]
        # bits = rate x + slope x^2 / 2, solved without cancellation
        square = rate * rate + 2 * (r1 - r0) / step_s * bits
        root = rate + math.sqrt(square) if square > 0 else rate
        last_s = here_s + 2 * bits / root if root > 0 else here_s
        return min(last_s, start_s + (cell + 1) * step_s, end_s)

    def _cell_at(self, t_s: float) -> tuple[int, float, float]:
        """Which pair of rate samples t_s lies between, how far into it, and its length."""
        cells = len(self._sent_bits) - 1
        step_s = self.duration_s / cells
        into_s = min(max(t_s - self.start_s, 0.0), self.duration_s)
        cell = min(int(into_s / step_s), cells - 1)
        return cell, into_s - cell * step_s, step_s

    def _cell_rates(self, cell: int) -> tuple[float, float]:
        assert isinstance(self.rate_bps, tuple)
        return self.rate_bps[cell], self.rate_bps[cell + 1]


def _interpolate(samples: tuple[float, ...], into_s: float, duration_s: float) -> float:
    cells = len(samples) - 1
    place = into_s / duration_s * cells
    if place <= 0:
        return samples[0]
    if place >= cells:
        return samples[-1]
    cell = int(place)
    a = samples[cell]
    return a + (samples[cell + 1] - a) * (place - cell)


def _cumulative_bits(rates: tuple[float, ...], duration_s: float) -> tuple[float, ...]:
    step_s = duration_s / (len(rates) - 1)
    total = 0.0
    sent = [0.0]
    for a, b in pairwise(rates):
        total += (a + b) / 2 * step_s
        sent.append(total)
    return tuple(sent)


def _check(contact: Contact) -> None:
    if not contact.source or not contact.destination:
        raise InvalidValue("source", contact.source, "name both ends of the contact")
    for key, name in (("source", contact.source), ("destination", contact.destination)):
        if ">" in name or not name.isprintable():  # paths are written as A > B > C, one to a line
            raise InvalidValue(key, name, "a name has no > and no line breaks in it")
    if contact.source == contact.destination:
        raise InvalidValue(
            "destination", contact.destination, "a contact joins two different nodes"
        )
    if not (math.isfinite(contact.start_s) and math.isfinite(contact.end_s)):
        raise InvalidValue("start_s", contact.start_s, "give finite seconds from the start")
    if contact.end_s <= contact.start_s:
        raise InvalidValue("end_s", contact.end_s, f"must be after start_s = {contact.start_s}")
    if not 0 < contact.confidence <= 1:
        raise InvalidValue("confidence", contact.confidence, "give a probability in (0, 1]")
    rates = _samples_of("rate_bps", contact.rate_bps)
    if max(rates) <= 0:
        raise InvalidValue("rate_bps", contact.rate_bps, "give a rate above 0 bit/s, or no contact")
    if max(_samples_of("frame_loss", contact.frame_loss)) >= 1:
        raise InvalidValue("frame_loss", contact.frame_loss, "give a probability in [0, 1)")
    owlts = _samples_of("owlt_s", contact.owlt_s)
    if len(owlts) > 1:
        step_s = contact.duration_s / (len(owlts) - 1)
        if any(a - b > step_s for a, b in pairwise(owlts)):
            mend = "falls faster than time goes on: a later bit would overtake an earlier one"
            raise InvalidValue("owlt_s", contact.owlt_s, mend)


def _samples_of(key: str, value: Samples) -> tuple[float, ...]:
    samples = value if isinstance(value, tuple) else (value,)
    if isinstance(value, tuple) and len(value) < 2:
        raise InvalidValue(key, value, "give a number, or at least two samples")
    for sample in samples:
        if not math.isfinite(sample) or sample < 0:
            raise InvalidValue(key, sample, "must be finite and not negative")
    return samples
