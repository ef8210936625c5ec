"""What passes between a run and the process that shows it: news one way, orders the other."""

from __future__ import annotations

from typing import NamedTuple

from dtn.errors import Fault
from dtn.events import EVENT_TYPES

TELL_S = 0.05
"""Real time between two tellings."""
PATIENCE_S = 5.0
KINDS = tuple(EVENT_TYPES.values())
"""The types of events; a row of a message begins with a place in this list."""
NUMBERS = {kind: number for number, kind in enumerate(KINDS)}

Row = tuple[object, ...]
About = str | float | bool | tuple[str, ...]


class ClockSeen(NamedTuple):
    """A run's clock at one moment, for who is in another process.

    Args:
        real_s: that moment of `time.monotonic`, which all processes of a machine share.
        reached_s: how far the run is: all that happened by then has been recorded.
        pace: emulated seconds in a real one from there on; 0 where it stands, or is late.
        rate: as it was asked for.
        is_paused: whether it is to stand still.
    """

    real_s: float
    reached_s: float
    pace: float
    rate: float
    is_paused: bool


class Listening(NamedTuple):
    """The page is there.

    Args:
        url: where.
        token: what controls need; "": nothing.
    """

    url: str
    token: str


class Unheard(NamedTuple):
    """It cannot listen there, and why."""

    faults: tuple[Fault, ...]


class News(NamedTuple):
    """What happened since the last.

    Args:
        rows: events, in order: the number of each one's type, and its fields.
        clock: the run's; None where more of the news follow at once.
    """

    rows: list[Row]
    clock: ClockSeen | None


class Over(NamedTuple):
    """The run has ended; all news of it have been told."""

    ended_s: float
    rate: float


class Order(NamedTuple):
    """What the run is to do: a verb of `Live`, and what with."""

    verb: str
    about: tuple[About, ...]


class Answer(NamedTuple):
    """To an order: done, or what about it cannot be."""

    refused: tuple[str, object, str] | None
