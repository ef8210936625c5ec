"""The event log: what is written reads back equal, and nothing half-written passes for a log."""

import json
import math
from pathlib import Path
from typing import get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtn.errors import BadInput
from dtn.events import (
    EVENT_TYPES,
    BundleDelivered,
    BundleFragmented,
    BundleSourced,
    Event,
    NodeUp,
    RouteComputed,
)
from emulator.log import LogHeader, LogWriter, line_of, read_log, write_log

HEADER = LogHeader(
    scenario='name with "quotes"',
    scenario_sha256="ab" * 32,
    seed=7,
    strategy="sabr",
    rate=math.inf,
    version="0.1.0",
    duration_s=3600.0,
    start_utc="2026-12-01T00:00:00Z",
)
EVENTS: tuple[Event, ...] = (
    NodeUp(0.0, "teide"),
    BundleSourced(0.1 + 0.2, "teide", "ipn:101.1/0/1", "ipn:101.1", "ipn:1.1", 9, 5, 60.0, 1, "hk"),
    RouteComputed(1e-7, "teide", "ipn:101.1/0/1", "relay", math.inf, 0),
    BundleFragmented(2.0, "teide", "b", ("b/0+5", "b/5+4")),
    BundleDelivered(1e16, "alpha", "ipn:101.1/0/1", 'a"b\\c\nd é </script>'),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.jsonl"


def _value_for(hint: object) -> st.SearchStrategy[object]:
    if hint is float:
        return st.floats(allow_nan=False)
    if hint is int:
        return st.integers()
    return st.text() if hint is str else st.lists(st.text(), max_size=3).map(tuple)


def _any_event(kind: type[Event]) -> st.SearchStrategy[Event]:
    return st.tuples(*map(_value_for, get_type_hints(kind).values())).map(kind._make)


@given(st.lists(st.one_of(*map(_any_event, EVENT_TYPES.values())), max_size=5))
def test_any_events_read_back_equal_and_of_their_own_types(tmp_path_factory, events):
    path = tmp_path_factory.mktemp("log") / "events.jsonl"
    write_log(path, HEADER, events)
    log = read_log(path)
    assert log.header == HEADER
    assert list(log.events) == events
    assert [type(event) for event in log.events] == [type(event) for event in events]
    assert [list(map(type, event)) for event in log.events] == [
        list(map(type, event)) for event in events
    ]


def test_every_line_is_json_that_names_its_event_and_fields(path: Path):
    write_log(path, HEADER, EVENTS)
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert rows[0]["rate"] == "max"
    assert rows[1] == {"event": "NodeUp", "t_s": 0.0, "node": "teide"}
    assert rows[2]["t_s"] == 0.30000000000000004
    assert rows[-1] == {"end": "events.jsonl", "events": 5}


def test_equal_events_give_equal_octets_however_they_were_appended(tmp_path: Path):
    write_log(tmp_path / "a", HEADER, EVENTS)
    with LogWriter(tmp_path / "b", HEADER) as log:
        for event in EVENTS:
            log.append(event)
            log.flush()
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_float_that_is_not_a_number_is_refused():
    with pytest.raises(ValueError, match="t_s is not a number"):
        line_of(NodeUp(math.nan, "teide"))


def test_a_run_that_breaks_off_leaves_no_log_and_keeps_the_old_one(path: Path):
    write_log(path, HEADER, EVENTS)
    before = path.read_bytes()
    endless = iter(lambda: EVENTS[0], None)
    with pytest.raises(KeyboardInterrupt):
        write_log(path, HEADER, (_interrupt(n) or event for n, event in enumerate(endless)))
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def _interrupt(events_so_far: int) -> None:
    if events_so_far == 5000:  # more than one write's worth
        raise KeyboardInterrupt


def test_a_log_cut_at_any_octet_is_bad_input(path: Path):
    write_log(path, HEADER, EVENTS)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(BadInput):
            read_log(path)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"NodeUp"', '"NodeUpp"', "line 2 = NodeUpp: is no event"),
        ('"format":1', '"format":99', "format = 99: this version reads logs of format 1"),
        ('"seed":7', '"seed":"7"', "line 1: seed = 7: the header needs this"),
        ('"t_s":0.0', '"t_s":"x"', "line 2: t_s = x: give float"),
        ('"node":"teide"}', '"node":"teide"', "line 2 = .*: is no JSON object"),
        ('"events":5', '"events":6', "line 7 = 6: the log is cut short"),
    ],
)
def test_a_spoilt_line_is_named_with_its_mend(path: Path, old: str, new: str, said: str):
    write_log(path, HEADER, EVENTS)
    path.write_text(path.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    with pytest.raises(BadInput, match=said):
        read_log(path)


def test_a_log_that_is_not_there_is_bad_input(path: Path):
    with pytest.raises(BadInput, match="cannot be read"):
        read_log(path)
