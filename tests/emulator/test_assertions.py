"""Assertions over a run's summary: what they mean, what is refused, and what somebody's CI is told."""

from __future__ import annotations

import json
import string
from contextlib import suppress
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtn.errors import BadInput
from emulator.assertions import DEEPEST, LONGEST, examine, junit
from emulator.cli import main
from emulator.reports.summary import Summary

ROW = {"flow": "deep-space", "bundles": {"sourced": 4, "delivered": 1}, "latency_s": {"p95": 9.0}}
SUMMARY: dict[str, object] = {
    "scenario": "alpha",
    "bundles": {"sourced": 200, "delivered": 198, "expired": 1, "dropped": 1, "in_network": 0},
    "latency_s": {"mean": None, "p95": 5400.0},
    "late_frames": 0,
    "flows": [],
    "flow_totals": [ROW],
}


@pytest.mark.parametrize(
    ("assertion", "is_met"),
    [
        ("delivered >= 0.99", True),
        ("delivered > 99 %", False),
        ("bundles.delivered == 198", True),
        ("bundles.sourced - bundles.delivered == 2", True),
        ("latency_s.p95 < 2h", True),
        ("latency_s.p95 == 1.5 h and late_frames != 0", False),
        ("late_frames == 0 or latency_s.p95 < 1 ms", True),
        ("late_frames != 0 or delivered > 0 and expired > 1", False),
        ("not (late_frames != 0 or expired > 0)", False),
        ("not late_frames != 0", True),
        ("0 <= expired < dropped + 1", True),
        ("3 > 2 > 3", False),
        ("-1 < -(1 - 2) * 3", True),
        ("2 + 3 * 4 == 14", True),
        ("(2 + 3) * 4 == 20", True),
        ("1kB / 10 == 100 B", True),
        ("flow.deep-space.delivered == 25 %", True),
        ("flow.deep-space.latency_s.p95 < 10s", True),
        # what has no value meets nothing, whichever way it is asked
        ("latency_s.mean < 1", False),
        ("latency_s.mean >= 1", False),
        ("not latency_s.mean < 1", False),
        ("latency_s.mean < 1 or delivered > 0", True),
        ("1 / late_frames > 0", False),
    ],
)
def test_an_assertion_means_what_it_says(assertion: str, is_met: bool) -> None:
    assert examine(SUMMARY, assertion).is_met is is_met


@pytest.mark.parametrize(
    ("assertion", "mend"),
    [
        ("", "missing at the end"),
        ("delivered", "compare with one of"),
        ("delivered >=", "missing at the end"),
        ("delivered >= 0.9 0.8", "after its end: '0.8'"),
        ("(delivered >= 0.9", r"'\)' is missing"),
        ("delivered = 1", "'=' has no meaning"),
        ("speed > 1", "there is no speed; there is bundles, latency_s, late_frames"),
        ("latency_s.p42 > 1", "there is no p42; there is mean, p95"),
        ("latency_s > 1", "is no number: mean, p95"),
        ("scenario == 1", "is no number"),
        ("flow.lunar.delivered > 1", "one of: deep-space"),
        ("flow.deep-space > 1", "one of: deep-space"),
        ("flow.deep-space.flow > 1", "is no number"),
        ("__import__('os')", "has no meaning"),
        ("(" * (DEEPEST + 2) + "1", "deep"),
        ("1 < " + "1" * LONGEST, f"at most {LONGEST}"),
    ],
)
def test_what_cannot_be_understood_is_refused_with_what_can(assertion: str, mend: str) -> None:
    with pytest.raises(BadInput, match=mend):
        examine(SUMMARY, assertion)


WORDS = st.sampled_from(
    [
        *"()<>+-*/%",
        "<=",
        "and ",
        "or ",
        "not ",
        " 1",
        " 2h",
        "delivered",
        " flow.deep-space.x",
        "latency_s.mean",
    ]
)


@given(st.lists(WORDS, max_size=60).map("".join) | st.text(string.printable, max_size=60))
def test_nothing_that_is_written_does_more_than_be_met_or_refused(assertion: str) -> None:
    with suppress(BadInput):
        assert examine(SUMMARY, assertion).is_met in (True, False)


def test_a_junit_report_has_a_case_an_assertion_and_says_why_one_failed() -> None:
    said = ["delivered >= 99 %", "late_frames > 0 or latency_s.mean < 1"]
    suite = ElementTree.fromstring(junit("alpha & co", [examine(SUMMARY, each) for each in said]))
    assert suite.attrib == {"name": "alpha & co", "tests": "2", "failures": "1", "errors": "0"}
    met, failed = suite
    assert (met.get("name"), len(met)) == (said[0], 0)
    assert failed[0].get("message") == "late_frames = 0, latency_s.mean = nothing"


@pytest.mark.parametrize(
    ("assertions", "code"),
    [(["delivered > 0"], 0), (["delivered > 0", "delivered < 0"], 1), (["delivered >"], 2)],
)
def test_the_command_ends_with_0_if_all_are_met_1_if_not_and_2_if_one_is_none(
    assertions: list[str], code: int, tmp_path: Path
) -> None:
    whole = dict.fromkeys(Summary.__annotations__) | SUMMARY
    (tmp_path / "summary.json").write_text(json.dumps(whole))
    report = tmp_path / "junit.xml"
    try:
        main(["assert", str(tmp_path), *assertions, "--junit", str(report)])
    except SystemExit as end:
        ended_with = end.code
    assert ended_with == code
    assert report.exists() == (code != 2)
    if code != 2:
        assert len(ElementTree.parse(report).getroot()) == len(assertions)
