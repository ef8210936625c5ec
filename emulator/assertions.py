"""Assertions over the summary of a run, for somebody's CI: `delivered >= 99 %`.

    assertion    clause { ("and" | "or") clause }      "and" before "or"
    clause       ["not"] (comparison | "(" assertion ")")
    comparison   sum { ("<" | "<=" | "==" | "!=" | ">=" | ">") sum }     a < b < c means both
    sum          product { ("+" | "-") product }
    product      factor { ("*" | "/") factor }
    factor       ["-"] (number [unit] | name | "(" sum ")")
    unit         % ms s min h d B kB MB GB

A name is a key of summary.json, with dots for what is inside: `latency_s.p95`. Of the bundles sourced, `delivered`,
`expired`, `dropped` and `in_network` are the shares; `bundles.delivered` is their number. `flow.NAME.` before any of
these asks about one flow. Names may have hyphens in them, so a minus stands between spaces.

What has no value, such as the latency of no bundle, is neither more nor less than anything: the assertion is not met.
Nothing but the above can be said, so that an expression can come from anywhere.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, NoReturn, TypeVar
from xml.sax.saxutils import quoteattr

from dtn.errors import BadInput, Fault

T = TypeVar("T")
Number = float | None
Truth = bool | None

LONGEST = 1000
"""Characters of an assertion; it bounds how deep it can be."""

DEEPEST = 40

UNITS = {
    "%": 0.01,
    "ms": 1e-3,
    "s": 1.0,
    "min": 60.0,
    "h": 3600.0,
    "d": 86400.0,
    "B": 1.0,
    "kB": 1e3,
    "MB": 1e6,
    "GB": 1e9,
}
SHARES = ("delivered", "expired", "dropped", "in_network")
FLOW = "flow"

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)"
    r"|(?P<name>[A-Za-z_][\w-]*(?:\.[\w-]+)*)"
    r"|(?P<sign><=|>=|==|!=|[<>+\-*/()%]))"
)
_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">=": operator.ge,
    ">": operator.gt,
}


class Finding(NamedTuple):
    """What came of one assertion.

    Args:
        assertion: as it was written.
        is_met: whether the run meets it.
        values: of the names in it.
    """

    assertion: str
    is_met: bool
    values: dict[str, Number]

    def why(self) -> str:
        """The values that decided, in words."""
        said = (
            f"{name} = {'nothing' if value is None else f'{value:.6g}'}"
            for name, value in self.values.items()
        )
        return ", ".join(said)


def examine(summary: Mapping[str, object], assertion: str) -> Finding:
    """Whether a run meets an assertion.

    Raises:
        BadInput: it cannot be understood, or asks for what no summary has.
    """
    reader = _Reader(summary, assertion)
    truth = reader.assertion()
    reader.end()
    return Finding(assertion, truth is True, reader.values)


def junit(name: str, findings: Sequence[Finding]) -> str:
    """A JUnit report: a test case an assertion."""
    failures = sum(not finding.is_met for finding in findings)
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<testsuite name={quoteattr(name)} tests="{len(findings)}" failures="{failures}" errors="0">',
    ]
    for finding in findings:
        case = f"<testcase classname={quoteattr(name)} name={quoteattr(finding.assertion)}"
        if finding.is_met:
            lines.append(f"  {case}/>")
        else:
            lines.append(f"  {case}><failure message={quoteattr(finding.why())}/></testcase>")
    return "\n".join([*lines, "</testsuite>", ""])


class _Reader:
    """Reads an assertion from left to right and works it out on the way."""

    def __init__(self, summary: Mapping[str, object], text: str) -> None:
        self.values: dict[str, Number] = {}
        self._summary = summary
        self._text = text
        self._depth = 0
        if len(text) > LONGEST:
            self._refuse(f"say it in at most {LONGEST} characters")
        self._tokens = list(self._split())
        self._place = 0

    def assertion(self) -> Truth:
        truth = self._all()
        while self._take("or"):
            other = self._all()
            truth = True if truth or other else None if truth is None or other is None else False
        return truth

    def end(self) -> None:
        if self._next():
            self._refuse(f"there is something after its end: {self._next()!r}")

    def _all(self) -> Truth:
        truth = self._clause()
        while self._take("and"):
            other = self._clause()
            if truth is False or other is False:
                truth = False
            elif truth is None or other is None:
                truth = None
        return truth

    def _clause(self) -> Truth:
        if self._take("not"):
            truth = self._deeper(self._clause)
            return None if truth is None else not truth
        if self._next() == "(" and self._is_assertion_in_brackets():
            self._take("(")
            truth = self._deeper(self.assertion)
            self._expect(")")
            return truth
        return self._comparison()

    def _is_assertion_in_brackets(self) -> bool:
        """Whether what is in brackets here compares something, so that it is no sum."""
        depth = 0
        for token in self._tokens[self._place :]:
            depth += (token == "(") - (token == ")")
            if token in _COMPARISONS or token in ("and", "or", "not"):
                return True
            if not depth:
                return False
        return False

    def _comparison(self) -> Truth:
        left = self._sum()
        truth: Truth = True
        sign = self._next()
        if sign not in _COMPARISONS:
            self._refuse(f"compare with one of {' '.join(_COMPARISONS)}: delivered >= 0.99")
        while (sign := self._next()) in _COMPARISONS:
            self._place += 1
            right = self._sum()
            if left is None or right is None:
                truth = None if truth else truth
            elif not _COMPARISONS[sign](left, right):
                truth = False
            left = right
        return truth

    def _sum(self) -> Number:
        return self._chain(self._product, {"+": operator.add, "-": operator.sub})

    def _product(self) -> Number:
        return self._chain(self._factor, {"*": operator.mul, "/": _ratio})

    def _chain(
        self, part: Callable[[], Number], signs: Mapping[str, Callable[[float, float], Number]]
    ) -> Number:
        value = part()
        while (sign := self._next()) in signs:
            self._place += 1
            other = part()
            value = None if value is None or other is None else signs[sign](value, other)
        return value

    def _factor(self) -> Number:
        if self._take("-"):
            value = self._deeper(self._factor)
            return None if value is None else -value
        if self._take("("):
            value = self._deeper(self._sum)
            self._expect(")")
            return value
        token = self._next()
        if token[:1].isdigit():
            self._place += 1
            unit = self._next()
            if unit in UNITS:
                self._place += 1
                return float(token) * UNITS[unit]
            return float(token)
        if not token or not (token[0].isalpha() or token[0] == "_"):
            self._refuse(
                f"a name or a number is missing {f'before {token!r}' if token else 'at the end'}"
            )
        self._place += 1
        value = self.values[token] = self._value(token)
        return value

    def _value(self, name: str) -> Number:
        path = name.split(".")
        place: object = self._summary
        if path[0] == FLOW:
            place, path = self._flow(path), path[2:]
        if len(path) == 1 and path[0] in SHARES:
            counts = place["bundles"] if isinstance(place, Mapping) else {}
            return _ratio(float(counts[path[0]]), float(counts["sourced"]))
        for key in path:
            if not isinstance(place, Mapping) or key not in place:
                known = ", ".join(_askable(place)) if isinstance(place, Mapping) else "nothing"
                self._refuse(f"{name}: there is no {key}; there is {known}")
            place = place[key]
        if place is None or (isinstance(place, int | float) and not isinstance(place, bool)):
            return place
        self._refuse(f"{name} is no number: {', '.join(_askable(place)) or 'ask for another'}")

    def _flow(self, path: list[str]) -> object:
        totals = self._summary.get("flow_totals")
        flows = {
            str(row["flow"]): row
            for row in (totals if isinstance(totals, list) else [])
            if isinstance(row, Mapping)
        }
        if len(path) < 3 or path[1] not in flows:
            self._refuse(f"write {FLOW}.NAME.KEY with one of: {', '.join(flows)}")
        return flows[path[1]]

    # -- tokens

    def _split(self) -> Iterator[str]:
        place = 0
        text = self._text.rstrip()
        while place < len(text):
            match = _TOKEN.match(text, place)
            if match is None:
                self._refuse(f"{text[place:].strip()[:1]!r} has no meaning here")
            yield match[match.lastgroup or 0]
            place = match.end()

    def _next(self) -> str:
        return self._tokens[self._place] if self._place < len(self._tokens) else ""

    def _take(self, token: str) -> bool:
        is_next = self._next() == token
        self._place += is_next
        return is_next

    def _expect(self, token: str) -> None:
        if not self._take(token):
            self._refuse(
                f"{token!r} is missing {f'before {self._next()!r}' if self._next() else 'at the end'}"
            )

    def _deeper(self, read: Callable[[], T]) -> T:
        self._depth += 1
        if self._depth > DEEPEST:
            self._refuse(f"brackets in brackets: at most {DEEPEST} deep")
        value = read()
        self._depth -= 1
        return value

    def _refuse(self, mend: str) -> NoReturn:
        raise BadInput(Fault("", "ASSERTION", self._text[:200], mend))


def _askable(place: object) -> Iterable[str]:
    """Keys under which there is a number, or more keys."""
    if isinstance(place, Mapping):
        for key, item in place.items():
            if item is None or isinstance(item, int | float | Mapping):
                yield str(key)


def _ratio(part: float, whole: float) -> Number:
    return part / whole if whole else None
