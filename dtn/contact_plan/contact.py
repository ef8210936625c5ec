"""Contact: a directed opportunity to transmit, in the transmitter's time (CCSDS 734.3-B-1 §2.3.1).

A frame whose last bit leaves at t arrives at t + owlt(t). Rate and light time are each a number, or
samples evenly spaced from start to end with straight lines between them; a contact's volume is the
integral of its rate.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass, field
from itertools import pairwise

from dtn.errors import InvalidValue

Samples = float | tuple[float, ...]

TIME_TOLERANCE_S = 1e-9
"""Times closer than this are equal: a bundle that fills a contact to its end still fits."""


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
        owlt_s: one-way light time, seconds: a number or evenly spaced samples, never negative.
        confidence: probability that the contact takes place, 0 < confidence <= 1.

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
    _sent_bits: tuple[float, ...] = field(init=False, repr=False, compare=False, default=())

    def __post_init__(self) -> None:
        _check(self)
        if isinstance(self.rate_bps, tuple):
            object.__setattr__(self, "_sent_bits", _cumulative_bits(self.rate_bps, self.duration_s))

    @property
    def duration_s(self) -> float:
        """Length of the contact, seconds."""
        return self.end_s - self.start_s

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
        """When the last bit leaves, if the first does at first_bit_s; inf if it does not fit."""
        if not isinstance(self.rate_bps, tuple):
            last = first_bit_s + size_bytes * 8 / self.rate_bps
        else:
            last = self._when_sent(self._bits_by(first_bit_s) + size_bytes * 8, first_bit_s)
        return last if last <= self.end_s + TIME_TOLERANCE_S else math.inf

    def arrival_s(self, first_bit_s: float, size_bytes: float) -> float:
        """When the last bit arrives, if the first leaves at first_bit_s; inf if it does not fit."""
        last = self.last_bit_s(first_bit_s, size_bytes)
        return last + self.owlt_at(last) if last < math.inf else last

    def _bits_by(self, t_s: float) -> float:
        """Bits sent between the contact's start and t_s, for a sampled rate."""
        assert isinstance(self.rate_bps, tuple)
        sent = self._sent_bits
        step_s = self.duration_s / (len(sent) - 1)
        into_s = min(max(t_s - self.start_s, 0.0), self.duration_s)
        cell = min(int(into_s / step_s), len(sent) - 2)
        into_s -= cell * step_s
        r0, r1 = self.rate_bps[cell], self.rate_bps[cell + 1]
        return sent[cell] + into_s * (r0 + (r1 - r0) * into_s / (2 * step_s))

    def _when_sent(self, bits: float, first_bit_s: float) -> float:
        """The inverse of _bits_by."""
        assert isinstance(self.rate_bps, tuple)
        sent = self._sent_bits
        if bits > sent[-1] * (1 + 1e-12):
            return math.inf
        step_s = self.duration_s / (len(sent) - 1)
        cell = min(max(bisect_right(sent, bits) - 1, 0), len(sent) - 2)
        # slope s and rate r0 at the cell's start: bits - sent = r0 x + s x^2 / 2, solved without
        # cancellation
        rest = max(bits - sent[cell], 0.0)
        r0 = self.rate_bps[cell]
        slope = (self.rate_bps[cell + 1] - r0) / step_s
        root = r0 + math.sqrt(max(r0 * r0 + 2 * slope * rest, 0.0))
        into_s = 2 * rest / root if root > 0 else 0.0
        return max(self.start_s + cell * step_s + min(into_s, step_s), first_bit_s)


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
    _samples_of("owlt_s", contact.owlt_s)


def _samples_of(key: str, value: Samples) -> tuple[float, ...]:
    samples = value if isinstance(value, tuple) else (value,)
    if isinstance(value, tuple) and len(value) < 2:
        raise InvalidValue(key, value, "give a number, or at least two samples")
    for sample in samples:
        if not math.isfinite(sample) or sample < 0:
            raise InvalidValue(key, sample, "must be finite and not negative")
    return samples
