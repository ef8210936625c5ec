"""ION's ionadmin commands (nasa-jpl/ION-DTN, ionrc manual page): contacts and ranges by number.

    @ 2026/12/01-00:00:00
    a contact +0 +3600 101 201 125000 1.0
    a range   +0 +3600 101 201 2

Times are whole seconds from the reference (@) or UTC, rates *bytes* a second, light times whole
seconds in a table of their own. A range from a smaller number to a larger one holds both ways
unless the way back has its own. A contact is cut where its range changes; one without a range could
never be used by ION and is a fault here. Registration contacts (start -1), hypothetical ones (stop
0) and loopbacks carry nothing over a link: they are passed over, and logged. Other commands than
`a contact`, `a range` and @ are passed over too.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from dtn.contact_plan.contact import Contact
from dtn.contact_plan.formats.reading import Reading, whole_number
from dtn.contact_plan.formats.whole_seconds import coarse
from dtn.contact_plan.plan import ContactPlan

LOG = logging.getLogger(__name__)
DATE = "%Y/%m/%d-%H:%M:%S"
_COMMANDS = frozenset("a@^1dehilmqsvw?!#")


class _Line(NamedTuple):
    where: str
    start_s: float
    end_s: float
    source: int
    destination: int
    value: float
    confidence: float


def looks_like(text: str) -> bool:
    """Whether the first line that is no comment is a command of ionadmin."""
    for line in text.splitlines():
        words = line.split()
        if words and not words[0].startswith("#"):
            return words[0] in _COMMANDS
    return False


def read(reading: Reading, text: str) -> ContactPlan:
    """A plan from the text; faults go to `reading`."""
    times = _Times(reading)
    contacts: list[_Line] = []
    ranges: list[_Line] = []
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        where, words = f"line {number}", line.split("#")[0].split()
        match words:
            case []:
                pass
            case ["@", moment]:
                times.refer(where, moment)
            case ["a", "contact", *fields]:
                contacts += _line(reading, times, where, fields, (5, 6))
            case ["a", "range", *fields]:
                ranges += _line(reading, times, where, fields, (5, 5))
            case ["a", *_]:
                reading.fault(where, line.strip(), "say `a contact` or `a range`")
            case [command, *_] if command not in _COMMANDS:
                reading.fault(where, line.strip(), "is no command of ionadmin")
    if reading.faults and not text.endswith("\n"):
        reading.fault(f"line {len(lines)}", "", "the file ends within a line: is it cut off?")
    found = [contact for line in contacts for contact in _cut(reading, line, ranges)]
    nodes = {node for line in contacts for node in (line.source, line.destination)}
    return ContactPlan(found, times.origin, {str(node): node for node in sorted(nodes)})


def write(plan: ContactPlan) -> tuple[str, tuple[str, ...]]:
    """The plan as text, and what ION's format cannot say.

    Raises:
        BadInput: a node has no number.
    """
    pieces, notes = coarse(plan, "ion")
    lines = []
    start = plan.start_utc
    if start is not None:
        start = start.astimezone(UTC)
        if start.microsecond:
            notes.append("ion: the fraction of a second of the plan's start is lost")
        lines.append(f"@ {start.strftime(DATE)}")
    for piece in pieces:
        ends = f"{_said(piece.start_s, start)} {_said(piece.end_s, start)}"
        nodes = f"{piece.source} {piece.destination}"
        octets = max(1, int(piece.rate_bps / 8))
        lines.append(f"a contact {ends} {nodes} {octets} {piece.confidence}")
        lines.append(f"a range {ends} {nodes} {piece.owlt_s}")
    return "\n".join([*lines, ""]), tuple(notes)


def _said(time_s: int, start: datetime | None) -> str:
    """A time as ION reads it; only dates can lie before the reference."""
    if time_s >= 0 or start is None:
        return f"+{time_s}"
    return (start + timedelta(seconds=time_s)).strftime(DATE)


class _Times:
    """Times of a file: seconds from its first date, or from nowhere if it has none."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.origin: datetime | None = None
        self.reference: datetime | None = None
        self.undated = ""

    def refer(self, where: str, text: str) -> None:
        """`@`: what +seconds count from."""
        self.reference = self._moment(where, text)

    def seconds(self, where: str, text: str) -> float | None:
        """A time as seconds from the origin."""
        value = whole_number(text)
        if value is not None:
            if self.reference is not None and self.origin is not None:
                return value + (self.reference - self.origin).total_seconds()
            self.undated = self.undated or where
            if self.origin is not None:
                self.reading.fault(where, text, "give @ before +seconds, or dates only")
            return value
        moment = self._moment(where, text)
        if moment is None or self.origin is None:
            return None
        return (moment - self.origin).total_seconds()

    def _moment(self, where: str, text: str) -> datetime | None:
        try:
            moment = datetime.strptime(text, DATE).replace(tzinfo=UTC)
        except ValueError:
            mend = "give +seconds or a date such as 2026/12/01-00:00:00"
            self.reading.fault(where, text, mend)
            return None
        if self.origin is None:
            self.origin = moment
            if self.undated:
                mend = f"a date after +seconds without a reference ({self.undated}): give @ first"
                self.reading.fault(where, text, mend)
                return None
        return moment


def _line(
    reading: Reading, times: _Times, where: str, fields: list[str], counts: tuple[int, int]
) -> list[_Line]:
    """The line, or nothing if it has faults or carries nothing over a link."""
    if not counts[0] <= len(fields) <= counts[1]:
        reading.fault(where, " ".join(fields), "say START STOP FROM TO RATE_OR_OWLT [CONFIDENCE]")
        return []
    if fields[0] == "-1" or fields[1] == "0" or fields[2] == fields[3]:
        LOG.info("%s %s: registration, hypothetical or loopback, passed over", reading.file, where)
        return []
    start, end = times.seconds(where, fields[0]), times.seconds(where, fields[1])
    source, destination = [_node(reading, where, field) for field in fields[2:4]]
    value = reading.decimal(where, fields[4])
    confidence = reading.decimal(where, fields[5]) if len(fields) == 6 else 1.0
    if start is None or end is None or value is None or confidence is None:
        return []
    if source is None or destination is None:
        return []
    if end <= start:
        reading.fault(where, fields[1], f"the stop must be after the start {fields[0]}")
        return []
    return [_Line(where, start, end, source, destination, value, confidence)]


def _node(reading: Reading, where: str, text: str) -> int | None:
    number = whole_number(text)
    if number is not None and number >= 0:
        return number
    reading.fault(where, text, "give a node's number")
    return None


def _cut(reading: Reading, line: _Line, ranges: list[_Line]) -> list[Contact]:
    """A contact's pieces, one for each range that covers some of it."""
    ends = (line.source, line.destination)
    own = [r for r in ranges if (r.source, r.destination) == ends]
    if not own and line.source > line.destination:
        own = [r for r in ranges if (r.destination, r.source) == ends]
    pieces = []
    t = line.start_s
    for piece in sorted(own, key=lambda r: r.start_s):
        if piece.start_s <= t < piece.end_s and t < line.end_s:
            stop = min(piece.end_s, line.end_s)
            contact = reading.contact(
                line.where,
                str(line.source),
                str(line.destination),
                t,
                stop,
                line.value * 8,
                piece.value,
                line.confidence,
            )
            pieces += [] if contact is None else [contact]
            t = stop
    if t < line.end_s:
        mend = f"no range covers {line.source} to {line.destination} from {t:g} s on: add one"
        reading.fault(line.where, "", mend)
    return pieces
