"""The event log: JSON lines, the one record of a run from which every report is a fold.

The first line is the header, each line after it one event (`dtn.events`) with its name and its
fields by name, the last line the number of events, so that a log cut anywhere is known for one:

    {"format":1,"scenario":"earth-moon","scenario_sha256":"...","seed":1,"strategy":"sabr",...}
    {"event":"BundleSourced","t_s":60.0,"node":"teide","bundle":"ipn:101.1/...",...}
    {"end":"events.jsonl","events":184213}

Equal events give equal octets: floats are written in their shortest form that reads back exactly,
infinity as 1e999 (which JSON allows and every reader takes for infinity), text as UTF-8. What is
not a number is refused. A file appears under its name when it is whole, never before.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self, get_type_hints

from dtn.errors import BadInput, Fault
from dtn.events import EVENT_TYPES, FORMAT_VERSION, Event

FILE_NAME = "events.jsonl"
_LINES_PER_WRITE = 4096
_NEW_RUN = "run the scenario again, or give the whole file"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogHeader:
    """The first line of a log: what was run.

    Args:
        scenario: the scenario's name.
        scenario_sha256: hexadecimal digest of what was run (the scenario file's octets).
        seed: from which all randomness came.
        strategy: the routing strategy's name.
        rate: emulated seconds per second of wall time; inf for as fast as possible.
        version: of Lightlag.
        duration_s: how long the run was to last, seconds from the start.
        start_utc: ISO 8601 instant that the seconds count from; "" where the plan has no date.
        ltp_sessions: LTP blocks that may be under way at once on a link; 0: none travel so.
        format: version of the events' meaning.
    """

    scenario: str
    scenario_sha256: str
    seed: int
    strategy: str
    rate: float
    version: str
    duration_s: float
    start_utc: str = ""
    ltp_sessions: int = 0
    format: int = FORMAT_VERSION


@dataclass(frozen=True, slots=True)
class Log:
    """A log read back: its header and its events in order."""

    header: LogHeader
    events: tuple[Event, ...]


class LogWriter:
    """Writes a log as the run goes on; the file takes its name when all went well.

        with LogWriter(path, header) as log:
            log.append(event)

    Args:
        path: the file to be; its folder must exist.
        header: the first line.
    """

    def __init__(self, path: Path, header: LogHeader) -> None:
        self._path = path
        self._part = path.with_name(path.name + ".part")
        self._file: IO[str] = self._part.open("w", encoding="utf-8", newline="\n")
        self._lines = [_dump({**asdict(header), "rate": _rate_text(header.rate)})]
        self._written = 0

    def append(self, event: Event) -> None:
        """Add one event."""
        self._lines.append(line_of(event))
        if len(self._lines) >= _LINES_PER_WRITE:
            self.flush()

    def flush(self) -> None:
        """Hand what has been appended to the operating system."""
        self._written += len(self._lines)
        self._lines.append("")
        self._file.write("\n".join(self._lines))
        self._lines.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                count = self._written + len(self._lines) - 1  # all but the header
                self._lines.append(_dump({"end": FILE_NAME, "events": count}))
                self.flush()
        finally:
            self._file.close()
            if kind is not None:
                self._part.unlink(missing_ok=True)
        if kind is None:
            self._part.replace(self._path)


def write_log(path: Path, header: LogHeader, events: Iterable[Event]) -> None:
    """Write a whole log, or none."""
    with LogWriter(path, header) as log:
        for event in events:
            log.append(event)


def read_log(path: Path) -> Log:
    """Read a log back, every event of its own type and equal to the one written.

    Raises:
        BadInput: no such file, cut short, another format, or a line that is no event.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise _bad(
            path, "", "", f"cannot be read ({fault}); give a folder made by lightlag run"
        ) from None
    lines = text.split("\n")
    if lines.pop() != "" or len(lines) < 2:
        raise _bad(path, f"line {len(lines) + 1}", "", f"the log is cut short; {_NEW_RUN}")
    header = _header_of(path, _row_of(path, 1, lines[0]))
    end = _row_of(path, len(lines), lines[-1])
    if "end" not in end or end.get("events") != len(lines) - 2:
        said = str(end.get("events", ""))
        raise _bad(path, f"line {len(lines)}", said, f"the log is cut short; {_NEW_RUN}")
    return Log(header, tuple(_events_of(path, lines)))


def events_of(source: Path, lines: list[str]) -> Iterator[Event]:
    """Lines of events, without a header or an end; `source` is named in faults.

    Raises:
        BadInput: a line that is no event.
    """
    return _events_of(source, ["", *lines, ""])


def line_of(event: Event) -> str:
    """One event as one line of JSON, without the line's end."""
    shape = _SHAPES[type(event)]
    if shape.template:
        line: str = shape.template % event
        # The template is right unless a text needs escaping or a number is not finite.
        if (
            line.count('"') == shape.quotes
            and line.isprintable()
            and "\\" not in line
            and "inf" not in line
            and "nan" not in line
        ):
            return line
    return _dump({"event": type(event).__name__, **event._asdict()})


# ---------------------------------------------------------------------------------- the shapes


@dataclass(frozen=True, slots=True)
class _Shape:
    """How one type of event is written and read: made once from its annotations."""

    make: Callable[[list[object]], Event]
    keys: tuple[str, ...]
    types: tuple[type, ...]
    texts: tuple[int, ...]
    template: str
    quotes: int


def _shape_of(kind: type[Event]) -> _Shape:
    hints = get_type_hints(kind)
    types = tuple(hint if isinstance(hint, type) else list for hint in hints.values())
    form = {str: '"%s"', int: "%d", float: "%s"}
    template = ""
    if list not in types:
        fields = (f'"{name}":{form[type_]}' for name, type_ in zip(hints, types, strict=True))
        template = "{" + ",".join((f'"event":"{kind.__name__}"', *fields)) + "}"
    texts = tuple(place for place, type_ in enumerate(types, 1) if type_ is str)
    return _Shape(
        kind._make, ("event", *hints), (str, *types), texts, template, template.count('"')
    )


_SHAPES: dict[type[Event], _Shape] = {kind: _shape_of(kind) for kind in EVENT_TYPES.values()}


def _dump(row: dict[str, object]) -> str:
    return "{" + ",".join(f'"{key}":{_text(key, value)}' for key, value in row.items()) + "}"


def _text(key: str, value: object) -> str:
    if not isinstance(value, float):
        return json.dumps(value, separators=(",", ":"))
    if math.isnan(value):
        raise ValueError(f"{key} is not a number")
    if math.isinf(value):
        return "1e999" if value > 0 else "-1e999"
    return str(value)


def _rate_text(rate: float) -> float | str:
    return "max" if math.isinf(rate) else rate


# ------------------------------------------------------------------------------------- reading


def _bad(path: Path, place: str, value: str, mend: str) -> BadInput:
    return BadInput(Fault(str(path), place, value, mend))


def _row_of(path: Path, number: int, line: str) -> dict[str, object]:
    row: object = None
    with suppress(ValueError, RecursionError):
        row = json.loads(line)
    if not isinstance(row, dict):
        raise _bad(path, f"line {number}", line[:60], f"is no JSON object; {_NEW_RUN}")
    return row


def _header_of(path: Path, row: dict[str, object]) -> LogHeader:
    if row.get("format") != FORMAT_VERSION:
        said = str(row.get("format", "missing"))
        raise _bad(path, "format", said, f"this version reads logs of format {FORMAT_VERSION}")
    rate = row.get("rate")
    hints = get_type_hints(LogHeader)
    values: dict[str, object] = {"ltp_sessions": 0, **row}  # the first logs did not say
    values["rate"] = math.inf if rate == "max" else rate
    for key, kind in hints.items():
        value = values.get(key)
        if kind is float and type(value) is int:
            values[key] = value = float(value)
        if type(value) is not kind:
            raise _bad(path, f"line 1: {key}", str(value), f"the header needs this; {_NEW_RUN}")
    return LogHeader(**{key: values[key] for key in hints})  # type: ignore[arg-type]  # checked above


def _events_of(path: Path, lines: list[str]) -> Iterator[Event]:
    known: dict[object, object] = {}  # one copy of each text: a log names few, often
    for index in range(1, len(lines) - 1):
        row = _row_of(path, index + 1, lines[index])
        kind = EVENT_TYPES.get(str(row.get("event")))
        if kind is None:
            said = str(row.get("event", ""))
            raise _bad(path, f"line {index + 1}", said, f"is no event; {_NEW_RUN}")
        shape = _SHAPES[kind]
        values = list(row.values())
        if tuple(row) != shape.keys or tuple(map(type, values)) != shape.types:
            values = _mended(path, index + 1, row, shape)
        for place in shape.texts:
            values[place] = known.setdefault(values[place], values[place])
        if not shape.template:
            values = [tuple(value) if type(value) is list else value for value in values]
        yield shape.make(values[1:])


def _mended(path: Path, number: int, row: dict[str, object], shape: _Shape) -> list[object]:
    """The values in the event's own order and types: 5 for 5.0, a list for a tuple."""
    values: list[object] = []
    for key, kind in zip(shape.keys, shape.types, strict=True):
        value = row.get(key)
        if kind is float and type(value) is int:
            value = float(value)
        if type(value) is not kind:
            raise _bad(
                path, f"line {number}: {key}", str(value), f"give {kind.__name__}; {_NEW_RUN}"
            )
        values.append(value)
    return values
