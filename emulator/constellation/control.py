"""What collector, operators and nodes say to each other: JSON documents, one class each.

control/clock         Clock, retained: where the clock of all nodes stood at a moment, and its pace
control/link          LinkOrder: cut a link, or mend it
control/finish        the run is over for all: say what you still hold
control/stop          the run ends here: leave
node/NAME/status      Status, retained; the will of a node says "dead"
node/NAME/order       NodeOrder: go down, come up, send a bundle, follow another strategy
node/NAME/answer      Answer: the order was carried out, or why not
node/NAME/resend      number of the first event that the collector lacks
node/NAME/have        how many events the collector has
node/NAME/grant       Grant: in lockstep, how far a node may run (`emulator.constellation.lockstep`)
node/NAME/report      Report: what a node says then
"""

from __future__ import annotations

import json
import math
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Literal, Self

from dtn.errors import InvalidValue

State = Literal["ready", "running", "ended", "done", "stopped", "dead"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """Something that is said as JSON."""

    def octets(self) -> bytes:
        """As it goes over the wire."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def of(cls, octets: bytes) -> Self:
        """Read one.

        Raises:
            InvalidValue: it is none.
        """
        try:
            said: dict[str, Any] = json.loads(octets)
            return cls(**said)
        except (ValueError, TypeError) as fault:
            raise InvalidValue(cls.__name__, octets[:60], f"is none: {fault}") from None


@lru_cache(maxsize=256)
def _monotonic_s(start_at: str) -> float:
    at = datetime.fromisoformat(start_at)
    return time.monotonic() + (at - datetime.now(UTC)).total_seconds()


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock(Document):
    """The clock that all nodes follow.

    Args:
        session: of this run; a node that kept something of another one forgets it.
        start_at: a moment, ISO 8601 in UTC.
        emulated_s: what the clock shows then, seconds from the scenario's start.
        rate: emulated seconds in a real one from then on; 0 is a pause; inf: lockstep.
    """

    session: str
    start_at: str
    emulated_s: float
    rate: float

    @property
    def is_lockstep(self) -> bool:
        """Whether nodes run in virtual time, as far as they are granted."""
        return self.rate == math.inf

    def monotonic_s(self) -> float:
        """The moment as this machine's monotonic clock has it: reckoned once, so that no step of its date moves it."""
        return _monotonic_s(self.start_at)

    def monotonic_after(self, known: Clock, known_s: float) -> float:
        """The same by an earlier one, whose moment was at `known_s`: dates that have stepped since do not count."""
        between = datetime.fromisoformat(self.start_at) - datetime.fromisoformat(known.start_at)
        return known_s + between.total_seconds()

    def started(self) -> datetime:
        """The instant at which it stood at 0, had it always gone at this rate; in a pause, `start_at`."""
        at = datetime.fromisoformat(self.start_at)
        return at - timedelta(seconds=self.emulated_s / self.rate) if self.rate else at

    def reading_s(self) -> float:
        """What it shows now; negative before the start."""
        return self.emulated_s + (time.monotonic() - self.monotonic_s()) * self.rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Status(Document):
    """How a node is.

    Args:
        state: ready, running, ended (its clock is), done (all is told), stopped or dead.
        sha256: of the run's setup as the node has it.
        version: of Lightlag.
        process: which it is; another one after a restart.
        sent_at: by its own clock, ISO 8601 in UTC.
        emulated_s: where its clock stands.
        events: how many it has recorded.
        late_frames: that came too late to be held.
        refused_frames: from nodes without a link, or no frames at all.
        error_p50_s: its timing error, real seconds: how late its loop does what is due.
        error_p99_s: that of one in a hundred.
        memory_mb: resident.
    """

    state: State
    sha256: str = ""
    version: str = ""
    process: str = ""
    sent_at: str = ""
    emulated_s: float = 0.0
    events: int = 0
    late_frames: int = 0
    refused_frames: int = 0
    error_p50_s: float = 0.0
    error_p99_s: float = 0.0
    memory_mb: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkOrder(Document):
    """Cut a link both ways, or mend it."""

    a: str
    b: str
    is_cut: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeOrder(Document):
    """Something that one node is to do.

    Args:
        number: by which it is answered, and known when it comes again.
        do: down, up, listen, follow, storm, or send, which listens for answers too.
        destination: endpoint of what is sent.
        service: where it comes from, or what is listened to.
        payload: hexadecimal.
        lifetime_s: of what is sent.
        strategy: that is followed, by the name that it has in Lightlag.
        factor: how many times as often particles hit in a storm.
        for_s: how long that lasts.
    """

    number: str
    do: Literal["down", "up", "listen", "follow", "storm", "send"]
    destination: str = ""
    service: str = ""
    payload: str = ""
    lifetime_s: float = 86400.0
    strategy: str = ""
    factor: float = 1.0
    for_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(Document):
    """What became of an order.

    Args:
        number: the order's.
        refusal: why it was not carried out; "" if it was.
    """

    number: str
    refusal: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered(Document):
    """A bundle that was delivered to an operator's service.

    Args:
        service: the service part of its endpoint.
        source: endpoint that it came from.
        payload: hexadecimal.
        emulated_s: when.
    """

    service: str
    source: str
    payload: str
    emulated_s: float


def utc_now() -> str:
    """This machine's clock."""
    return datetime.now(UTC).isoformat()
