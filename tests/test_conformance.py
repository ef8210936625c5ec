"""The page of requirements is up to date, and every must has a test."""

import pytest

from tests.conformance import PAGE, marked_tests, page_of, sections, written_verdicts

ROWS = {row.id: row for _, rows in sections() for row in rows}
MUSTS = [row.id for row in ROWS.values() if row.level == "M"]
HELD = marked_tests()
AWAITED: dict[str, str] = {}
"""Musts whose code does not stand yet."""


@pytest.mark.parametrize("row", MUSTS)
def test_every_must_is_named_by_a_test(row):
    assert (row in HELD) != (row in AWAITED)


def test_no_test_names_a_requirement_that_is_not_there():
    assert set(HELD) <= set(ROWS)


def test_the_page_is_up_to_date_and_says_that_what_must_hold_does():
    holds = written_verdicts()
    assert PAGE.read_text() == page_of(holds), "run make conformance"
    assert [row for row in MUSTS if holds[row] != "yes" and row not in AWAITED] == []
