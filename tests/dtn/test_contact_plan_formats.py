import json
import math
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

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
EXACT = ("json", "csv")

times = st.floats(-1e7, 1e9)
positive = st.floats(1e-3, 1e12)
rates = st.one_of(positive, st.lists(positive, min_size=2, max_size=4).map(tuple))
losses = st.one_of(
    st.just(0.0), st.floats(0, 0.99), st.tuples(st.floats(0, 0.5), st.floats(0, 0.5))
)
owlts = st.one_of(st.floats(0, 1e5), st.floats(0, 1e5).map(lambda owlt: (owlt, owlt + 0.125)))
names = st.text("abz0-. ,;'\"é", min_size=1, max_size=5).filter(lambda name: name == name.strip())


@st.composite
def any_contact(draw):
    ends = draw(st.lists(names, min_size=2, max_size=2, unique=True))
    start = draw(times)
    end = start + draw(st.floats(1e-2, 1e6))
    return Contact(
        *ends, start, end, draw(rates), draw(owlts), draw(st.floats(0.01, 1)), draw(losses)
    )


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


CSV_HEADER = "source,destination,start_s,end_s,rate_bps,owlt_s,confidence\n"


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("source,destination,start_s,end_s,rate_bps\na,b,0,1,8\n", ["line 1"]),
        (CSV_HEADER.replace("owlt_s", "owlt"), ["line 1", "line 1"]),
        (CSV_HEADER + "a,b,0,1,8,1,1\na,b,0,-1,8,1,1\n", ["line 3.end_s"]),
        (CSV_HEADER + "a,b,0,x,8 y,1,2\n", ["line 2.end_s", "line 2.rate_bps"]),
        (CSV_HEADER + "a,b,0,1,8,1,2\n", ["line 2.confidence"]),
        (CSV_HEADER + "a,b,0,1\n", ["line 2"]),
        (CSV_HEADER + 'a,"b,0,1\n', ["line 2"]),
        ("# contacts,2\n" + CSV_HEADER + "a,b,0,1,8,1,1\n", ["# contacts"]),
        ("# ipn,a,1\n# ipn,b,1\n# ipn,c,x\n" + CSV_HEADER, ["line 2.ipn", "line 3.ipn"]),
        ("# start_utc,soon\n" + CSV_HEADER, ["line 1"]),
        ("from,to,start_s,end_s,rate_bps,owlt_s\na,b,0,1,8,1\n", ["line 1"] * 4),
    ],
)
def test_csv_names_every_fault_with_its_line(tmp_path, text, keys):
    path = tmp_path / "plan.csv"
    path.write_text(text)
    assert [key for key, _, _ in faults(path)] == keys


def test_csv_made_by_hand_needs_neither_comments_nor_confidence(tmp_path):
    path = tmp_path / "plan.csv"
    path.write_text("destination,source,start_s,end_s,owlt_s,rate_bps\nb,a,0,10,1.5 2,8")
    assert ContactPlan.load(path) == ContactPlan([Contact("a", "b", 0, 10, 8, (1.5, 2))])


def test_csv_cannot_carry_names_that_look_like_comments(tmp_path):
    plan = ContactPlan([Contact("#a", "b", 0, 1, 8, 1)])
    with pytest.raises(BadInput, match=r"plan\.csv: node = #a"):
        plan.save(tmp_path / "plan.csv", "csv")
    assert list(tmp_path.iterdir()) == []


ION = """\
## begin ionadmin
1 1 ''
m horizon +0
@ 2026/11/22-15:00:00
a contact +0 +3600 1 2 12500000 0.5
a contact 2026/11/22-16:00:00 2026/11/22-17:00:00 2 1 125000
a contact -1 +3600 7 7 1
a contact +0 0 7 8 1
a contact +0 +10 1 1 100   # loopback
a range   +0 +1800 1 2 2
a range   +1800 +7200 1 2 3
"""


def test_ion_contacts_get_their_light_time_from_the_ranges(tmp_path):
    path = tmp_path / "plan.ionrc"
    path.write_text(ION)
    assert ContactPlan.load(path) == ContactPlan(
        [
            Contact("1", "2", 0, 1800, 1e8, 2, 0.5),
            Contact("1", "2", 1800, 3600, 1e8, 3, 0.5),
            Contact("2", "1", 3600, 7200, 1e6, 3),
        ],
        datetime(2026, 11, 22, 15, tzinfo=UTC),
        {"1": 1, "2": 2},
    )


def test_an_ion_range_back_overrides_the_one_that_holds_both_ways(tmp_path):
    path = tmp_path / "plan.ionrc"
    path.write_text(
        "a contact +0 +9 2 1 1\na contact +0 +9 1 2 1\na range +0 +9 1 2 5\na range +0 +9 2 1 6\n"
    )
    plan = ContactPlan.load(path)
    assert [(c.source, c.owlt_s) for c in plan.contacts] == [("1", 5), ("2", 6)]
    path.write_text("a contact +0 +9 1 2 1\na range +0 +9 2 1 6\n")
    [(key, _, mend)] = faults(path)
    assert key == "line 1"
    assert "no range covers 1 to 2 from 0 s on" in mend


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("a contact +0 +9 1 2\n", ["line 1"]),
        ("a contact +9 +0 1 2 5\na contact +0 soon 1 x 5\n", ["line 1", "line 2", "line 2"]),
        ("a kontact +0 +9 1 2 5\nhello\n", ["line 1", "line 2"]),
        ("a contact +0 +9 1 2 5\na range +0 +4 1 2 1\n", ["line 1"]),
        ("a contact +0 +9 1 2 -5\na range +0 +9 1 2 1\n", ["line 1.rate_bps"]),
        ("a contact +0 2026/01/01-00:00:00 1 2 5\n", ["line 1"]),
        ("a contact +0 +9 1 2 5\na range +0 +9 1", ["line 2", "line 2", "line 1"]),
    ],
)
def test_ion_names_every_fault_with_its_line(tmp_path, text, keys):
    path = tmp_path / "plan.ionrc"
    path.write_text(text)
    assert [key for key, _, _ in faults(path)] == keys


def test_what_ion_and_hdtn_cannot_say_is_said(tmp_path):
    varying = ContactPlan(
        [
            Contact("teide", "mro", 0.5, 1000.5, (8e6, 16e6), (600.2, 602.1), 0.9),
            Contact("mro", "teide", 7.2, 7.9, 8e6, 600),
            Contact("mro", "teide", 10, 20, 8e6, 600),
        ],
        datetime(2026, 12, 1, tzinfo=UTC),
        {"teide": 101, "mro": 301},
    )
    notes = [
        "times and light times are rounded to whole seconds, light times up (2 contacts)",
        "a varying rate is written as its mean (1 contacts)",
        "a contact is cut where its light time has drifted by a second (1 contacts)",
        "a contact shorter than a whole second is left out (1 contacts)",
    ]
    ion, hdtn = tmp_path / "plan.ionrc", tmp_path / "plan.hdtn"
    assert varying.save(ion, "ion") == tuple(f"ion: {note}" for note in notes)
    assert varying.save(hdtn, "hdtn") == (
        *(f"hdtn: {note}" for note in notes),
        "hdtn: the date of the start is lost",
        "hdtn: the confidence of contacts is lost",
    )
    for path in (ion, hdtn):
        plan = ContactPlan.load(path)
        there = [c for c in plan.contacts if c.source == "101"]
        assert (there[0].start_s, there[-1].end_s) == (1, 1000)
        assert all(a.end_s == b.start_s for a, b in pairwise(there))
        assert there[-1].owlt_s == 603
        exact = varying.contacts[0]
        for piece in there:
            assert piece.volume_bytes() <= exact.volume_bytes(piece.start_s, piece.end_s)
            assert piece.volume_bytes() == pytest.approx(
                exact.volume_bytes(piece.start_s, piece.end_s), rel=1e-5
            )
            assert max(map(exact.owlt_at, (piece.start_s, piece.end_s))) <= piece.owlt_s
    assert ContactPlan.load(ion).start_utc == varying.start_utc


@pytest.mark.parametrize("format", ["ion", "hdtn"])
def test_a_plan_of_whole_numbers_passes_through_unchanged(tmp_path, format):
    plan = ContactPlan(
        [Contact("7", "12", 0, 60, 8000, 2), Contact("12", "7", 30, 90, 16000, 0)],
        datetime(2026, 12, 1, tzinfo=UTC) if format == "ion" else None,
        {"7": 7, "12": 12},
    )
    assert plan.save(tmp_path / "plan", format) == ()
    assert ContactPlan.load(tmp_path / "plan") == plan


@pytest.mark.parametrize("format", ["ion", "hdtn"])
def test_nodes_without_a_number_are_named(tmp_path, format):
    with pytest.raises(BadInput) as caught:
        ContactPlan([Contact("teide", "3", 0, 9, 8, 1)]).save(tmp_path / "plan", format)
    assert [fault.value for fault in caught.value.faults] == ["teide"]


def test_an_ion_contact_before_the_start_is_written_as_a_date(tmp_path):
    plan = ContactPlan(
        [Contact("1", "2", -60, 60, 8, 1)], datetime(2026, 12, 1, tzinfo=UTC), {"1": 1, "2": 2}
    )
    plan.save(tmp_path / "plan", "ion")
    assert ContactPlan.load(tmp_path / "plan") == plan


HDTN = {"contact": 0, "source": 10, "dest": 2, "startTime": 0, "endTime": 2000, "owlt": 1}


def test_hdtn_rate_zero_is_a_gigabit_and_unix_times_date_the_plan(tmp_path):
    path = tmp_path / "plan.json"
    later = HDTN | {"startTime": 1796083200, "endTime": 1796083260}
    path.write_text(
        json.dumps({"contacts": [later | {"rateBitsPerSec": 0}, later | {"dest": 3, "rate": 5}]})
    )
    assert ContactPlan.load(path) == ContactPlan(
        [Contact("10", "2", 0, 60, 1e9, 1), Contact("10", "3", 0, 60, 5e6, 1)],
        datetime(2026, 12, 1, tzinfo=UTC),
        {"2": 2, "3": 3, "10": 10},
    )


def test_hdtn_decimals_are_faults_because_hdtn_reads_them_as_zero(tmp_path):
    path = tmp_path / "plan.json"
    items = [
        HDTN | {"rateBitsPerSec": 8, "owlt": 1.28},
        HDTN | {"rateBitsPerSec": 8, "endTime": 0},
        HDTN,
        {"dest": 4},
        5,
    ]
    path.write_text(json.dumps({"contacts": items}))
    assert [key for key, _, _ in faults(path)] == [
        "contacts[0].owlt",
        "contacts[1].end_s",
        "contacts[2].rateBitsPerSec",
        "contacts[3].source",
        "contacts[3].startTime",
        "contacts[3].endTime",
        "contacts[3].owlt",
        "contacts[4]",
    ]


def graph(kind, *contacts):
    return json.dumps(
        {
            "vertices": {"earth": ["moon"], "moon": []},
            "contact_type": kind,
            "edges": [{"vertices": ["earth", "moon"], "contacts": contacts}],
        }
    )


@pytest.mark.parametrize(
    ("text", "contacts"),
    [
        (
            graph("Contact_v2", ["earth", "moon", 0.0, 60.0, [[0.0, 1e8, 1e-7, 1.28]]]),
            [Contact("earth", "moon", 0, 60, 1e8, 1.28)],
        ),
        (
            graph(
                "Contact_v2", ["earth", "moon", 5.0, 60.0, [[0, 1e8, 0, 1.28], [30, 5e7, 0, 1.3]]]
            ),
            [
                Contact("earth", "moon", 5, 30, 1e8, 1.28),
                Contact("earth", "moon", 30, 60, 5e7, 1.3),
            ],
        ),
        (
            graph("PredictedContact_v2", ["earth", "moon", 0, 60, [[0, 0.9, [[0, 1e6, 1.3]]]]]),
            [Contact("earth", "moon", 0, 60, 1e6, 1.3, 0.9)],
        ),
        (
            graph("Contact", ["earth", "moon", 0, 60, 1e6, 1e-9, 1.3]),
            [Contact("earth", "moon", 0, 60, 1e6, 1.3)],
        ),
        (
            graph("PredictedContact", ["earth", "moon", 0, 60, 1e6, 0.5, 1.3]),
            [Contact("earth", "moon", 0, 60, 1e6, 1.3, 0.5)],
        ),
    ],
)
def test_time_varying_graphs_of_every_kind_are_read(tmp_path, text, contacts):
    path = tmp_path / "graph.json"
    path.write_text(text)
    assert ContactPlan.load(path) == ContactPlan(contacts)


def test_time_varying_graphs_keep_samples_and_say_what_they_lose(tmp_path):
    path = tmp_path / "graph.json"
    plan = ContactPlan(
        [
            Contact("a", "b", 0.25, 7.25, (1e6, 2e6, 1e6), (1.25, 1.5)),
            Contact("b", "a", 1, 2, 8e6, 1, 0.5),
        ],
        datetime(2026, 12, 1, tzinfo=UTC),
        {"a": 1},
    )
    assert plan.save(path, "tvg") == (
        "tvg: the date of the start is lost",
        "tvg: the nodes' numbers are lost",
    )
    assert ContactPlan.load(path) == ContactPlan(
        [
            Contact("a", "b", 0.25, 7.25, (1e6, 2e6, 1e6), (1.25, 1.375, 1.5)),
            Contact("b", "a", 1, 2, 8e6, 1, 0.5),
        ]
    )
    with pytest.raises(BadInput, match="before 0"):
        ContactPlan([Contact("a", "b", -1, 2, 8, 1)]).save(path, "tvg")


def test_time_varying_graphs_name_every_fault(tmp_path):
    path = tmp_path / "graph.json"
    path.write_text(
        graph(
            "Contact_v2",
            ["earth", "moon", 0, 60],
            ["earth", "moon", 9, 0, [[0, 1e6, 0, 1]]],
            ["earth", "moon", 0, 9, [[5, 1e6, 0, 1]]],
            ["earth", "moon", 0, 9, [[0, 1e6, 0, 1], [0, 1e6, 0, 1]]],
            ["earth", "moon", 0, 9, [[0, "fast", 0, 1]]],
            ["earth", "mars", 0, 9, [[0, 1e6, 0, 1]]],
        )
    )
    assert [(key, value) for key, value, _ in faults(path)] == [
        ("edges[0].contacts[0]", "['earth', 'moon', 0, 60]"),
        ("edges[0].contacts[1].end_s", "0"),
        ("edges[0].contacts[2]", "5"),
        ("edges[0].contacts[3][4][1]", "0"),
        ("edges[0].contacts[4][4][0]", "fast"),
        ("vertices", "mars"),
    ]


@pytest.mark.parametrize("format", ["json", "csv", "ion", "hdtn", "tvg"])
@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_a_plan_cut_off_anywhere_is_refused(tmp_path, format, part):
    numbers = {"teide": 101, "elfo-1": 201}
    plan = ContactPlan(
        [Contact("teide", "elfo-1", 100 * n, 100 * n + 60, 8e6, 2) for n in range(50)],
        ipn_numbers=numbers,
    )
    path = tmp_path / "plan"
    plan.save(path, format)
    text = path.read_text()
    cut = text[: int(len(text) * part)]
    path.write_text(cut.rstrip("0123456789.") if format == "ion" else cut)
    assert faults(path)


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
