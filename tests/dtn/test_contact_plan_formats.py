import json
import math
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtn.contact_plan import Contact, ContactPlan
from dtn.errors import BadInput, InvalidValue

PLAN = ContactPlan(
    [
        Contact("teide", "elfo-1", 0.0, 3600.0, (1e6, 2.5e6, 1e6), (1.28, 1.29), 0.9),
        Contact("elfo-1", "teide", 1.3, 3601.25, 125000, 1.28),
    ],
    datetime(2026, 12, 1, tzinfo=UTC),
    {"teide": 101, "elfo-1": 201},
)
EXACT = ("json",)

times = st.floats(-1e7, 1e9)
positive = st.floats(1e-3, 1e12)
rates = st.one_of(positive, st.lists(positive, min_size=2, max_size=4).map(tuple))
owlts = st.one_of(st.floats(0, 1e5), st.floats(0, 1e5).map(lambda owlt: (owlt, owlt + 0.125)))
names = st.text("abz0-. ,;'\"é", min_size=1, max_size=5).filter(lambda name: name == name.strip())


@st.composite
def any_contact(draw):
    ends = draw(st.lists(names, min_size=2, max_size=2, unique=True))
    start = draw(times)
    end = start + draw(st.floats(1e-2, 1e6))
    return Contact(*ends, start, end, draw(rates), draw(owlts), draw(st.floats(0.01, 1)))


plans = st.builds(
    ContactPlan,
    st.lists(any_contact(), max_size=4),
    st.none() | st.datetimes(timezones=st.just(timezone(timedelta(hours=2)))),
    st.dictionaries(names, st.integers(0, 2**64), max_size=3).filter(
        lambda numbers: len(set(numbers.values())) == len(numbers)
    ),
)


def faults(path):
    with pytest.raises(BadInput) as caught:
        ContactPlan.load(path)
    return [(fault.key, fault.value, fault.mend) for fault in caught.value.faults]


@pytest.mark.parametrize("format", EXACT)
@given(plan=plans)
def test_what_is_written_is_read_back_exactly(tmp_path_factory, format, plan):
    path = tmp_path_factory.mktemp("plans") / "plan"
    assert plan.save(path, format) == ()
    assert ContactPlan.load(path) == plan


def test_json_names_every_fault_with_its_key_value_and_mend(tmp_path):
    path = tmp_path / "plan.json"
    good = {"source": "a", "destination": "b", "start_s": 0, "end_s": 9, "rate_bps": 8, "owlt_s": 1}
    document = {
        "format": "lightlag-contact-plan",
        "versoin": 1,
        "start_utc": "2026-12-01",
        "ipn_numbers": {"a": 1, "b": 1, "c": -4},
        "contacts": [
            good,
            good | {"end_s": -1},
            good | {"rate_bps": "fast", "owlt_s": [1]},
            good | {"start_s": True, "wavelength_nm": 1550},
            {"source": "a"},
            7,
            good | {"owlt_s": [5, math.nan]},
        ],
    }
    path.write_text(json.dumps(document))
    assert [(key, value) for key, value, _ in faults(path)] == [
        ("versoin", ""),
        ("start_utc", "2026-12-01"),
        ("contacts[1].end_s", "-1"),
        ("contacts[2].rate_bps", "fast"),
        ("contacts[2].owlt_s", "[1]"),
        ("contacts[3].wavelength_nm", ""),
        ("contacts[3].start_s", "True"),
        ("contacts[4].destination", ""),
        ("contacts[4].start_s", ""),
        ("contacts[4].end_s", ""),
        ("contacts[4].rate_bps", ""),
        ("contacts[4].owlt_s", ""),
        ("contacts[5]", "7"),
        ("contacts[6].owlt_s[1]", "nan"),
        ("ipn_numbers.b", "1"),
        ("ipn_numbers.c", "-4"),
    ]
    with pytest.raises(BadInput, match=r"contacts\[1\]\.end_s = -1: must be after start_s = 0"):
        ContactPlan.load(path)


def test_a_file_cut_in_half_is_one_message_that_says_where(tmp_path):
    path = tmp_path / "plan.json"
    PLAN.save(path)
    text = path.read_text()
    path.write_text(text[: len(text) // 2])
    [(key, _, mend)] = faults(path)
    assert key.startswith("line ")
    assert "JSON" in mend


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe\x00",
        b"hello",
        b"[" * 100_000,
        b"[1, 2]",
        b'{"contacts": ' + b"9" * 9999,
        b"{}",
    ],
)
def test_what_is_no_plan_is_refused_in_words(tmp_path, content):
    path = tmp_path / "plan.json"
    path.write_bytes(content)
    [(_, _, mend)] = faults(path)
    assert mend


def test_a_path_that_cannot_be_read_or_written_is_refused_in_words(tmp_path):
    assert "cannot be read" in faults(tmp_path / "none")[0][2]
    assert "cannot be read" in faults(tmp_path)[0][2]
    with pytest.raises(BadInput, match="cannot be written"):
        PLAN.save(tmp_path / "none" / "plan.json")
    with pytest.raises(BadInput, match="choose one of json"):
        PLAN.save(tmp_path / "plan.xml", "xml")


def test_a_plan_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "plan.json"
    PLAN.save(path)
    before = path.read_text()
    (tmp_path / "taken").mkdir()
    with pytest.raises(BadInput):
        PLAN.save(tmp_path / "taken")
    assert path.read_text() == before
    assert sorted(file.name for file in tmp_path.iterdir()) == ["plan.json", "taken"]


def test_a_contact_that_cannot_stand_is_refused():
    with pytest.raises(InvalidValue):
        Contact("a", "b", 10, 10, 8, 1)
