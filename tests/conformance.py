"""docs/conformance.md: the requirements of the RFCs, the tests that name each, and whether they hold.

    python -m tests.conformance          run the tests that name a requirement, write the page

The requirements stand in conformance_rows.toml, in our words. A test names those it holds by a marker,
`@pytest.mark.row("B8", "D4")`. A row holds if it has tests and every one that ran passed.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

TESTS = Path(__file__).parent
PAGE = TESTS.parent / "docs" / "conformance.md"
LEVELS = {"M": "must", "S": "should", "O": "may", "-": "-"}
_LINE = re.compile(r"\| ([A-N]\d+) \|.*\| (yes|no|open) \|")
_MARKER = re.compile(r"mark\.row\(([^)]*)\)")
_DEFINITION = re.compile(r"^(?:async )?def (test_\w+)|^class (Test\w+)", re.MULTILINE)


class Row(NamedTuple):
    """One requirement."""

    id: str
    level: str
    section: str
    text: str


def sections() -> list[tuple[str, list[Row]]]:
    """The requirements by their letters, with titles."""
    found = []
    for letter, section in tomllib.loads((TESTS / "conformance_rows.toml").read_text()).items():
        rows = []
        for row_id, line in section["rows"].items():
            level, where, text = (part.strip() for part in line.split("|"))
            rows.append(Row(row_id, level, where, text))
        found.append((f"{letter}. {section['title']}", rows))
    return found


def marked_tests() -> dict[str, list[str]]:
    """Which tests carry which row's marker, as `folder/file::test`, read from the sources."""
    found: dict[str, list[str]] = {}
    for path in sorted(TESTS.rglob("test_*.py")):
        source = path.read_text()
        definitions = [(match.start(), match.group(1)) for match in _DEFINITION.finditer(source)]
        for marker in _MARKER.finditer(source):
            name = next((name for at, name in definitions if at > marker.start()), None)
            test = f"{path.relative_to(TESTS)}::{name}"
            for row_id in re.findall(r'"(\w+)"', marker.group(1)):
                tests = found.setdefault(row_id, [])
                if test not in tests:
                    tests.append(test)
    return found


class _Verdicts:
    """A pytest plugin: which rows had a test that failed, and which one that ran."""

    def __init__(self) -> None:
        self.failed: set[str] = set()
        self.ran: set[str] = set()
        self._rows: dict[str, set[str]] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        named = [item for item in items if item.get_closest_marker("row")]
        for item in named:
            rows = {row for mark in item.iter_markers("row") for row in mark.args}
            self._rows[item.nodeid] = rows
        items[:] = named

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        rows = self._rows.get(report.nodeid, set())
        if report.failed:
            self.failed |= rows
        elif report.when == "call" and report.passed:
            self.ran |= rows


def verdicts() -> dict[str, str]:
    """Run the tests that name a requirement; ends the program if they cannot even be collected."""
    plugin = _Verdicts()
    exit_code = pytest.main(["-q", "--no-header", str(TESTS)], plugins=[plugin])
    if exit_code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        sys.exit(f"the tests did not run ({exit_code!r}): {PAGE} stays as it is")
    known = plugin.ran | plugin.failed
    return {row: "no" if row in plugin.failed else "yes" for row in known}


def written_verdicts() -> dict[str, str]:
    """What the page says now."""
    page = PAGE.read_text() if PAGE.exists() else ""
    return {match.group(1): match.group(2) for match in _LINE.finditer(page)}


def page_of(holds: Mapping[str, str]) -> str:
    """The page with these verdicts."""
    tests = marked_tests()
    lines = [
        "# Conformance",
        "",
        "Requirements of RFC 9171, 9172, 9173, 9174, 9758, 5326 and 7122, each with the tests that name it. Made by",
        "`make conformance`, which runs them; a test of the suite fails when this page is out of date or a must does",
        "not hold. *Open*: no test names it yet.",
        "",
    ]
    counts = []
    body = []
    for title, rows in sections():
        body += [f"## {title}", "", "| id | level | RFC | requirement | tests | holds |"]
        body.append("|-|-|-|-|-|-|")
        kept = 0
        for row in rows:
            named = tests.get(row.id, [])
            verdict = holds.get(row.id, "open") if named else "open"
            kept += verdict == "yes"
            level = LEVELS[row.level]
            body.append(
                f"| {row.id} | {level} | {row.section} | {row.text} | {_cell(named)} | {verdict} |"
            )
        body.append("")
        counts.append(f"| {title} | {len(rows)} | {kept} |")
    lines += ["| part | requirements | hold |", "|-|-|-|", *counts, ""]
    return "\n".join(lines + body)


def _cell(tests: list[str]) -> str:
    """Test names by file, in one cell."""
    files: dict[str, list[str]] = {}
    for test in tests:
        path, _, name = test.partition("::")
        files.setdefault(path, []).append(name.removeprefix("test_"))
    return "<br>".join(f"`{path}`: {', '.join(names)}" for path, names in files.items())


def main() -> int:
    """Run, write, say."""
    holds = verdicts()
    PAGE.write_text(page_of(holds))
    broken = sorted(row for row, verdict in holds.items() if verdict == "no")
    print(f"{PAGE}: {sum(v == 'yes' for v in holds.values())} hold, not: {broken or 'none'}")
    return bool(broken)


if __name__ == "__main__":
    sys.exit(main())
