"""The Grafana dashboard asks for nothing that /metrics does not have."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from streams import PLAN, delivered, hop, sourced, story

from dtn.events import EnergySampled, RouteComputed
from emulator.dashboard.metrics import metrics_text
from emulator.dashboard.session import Session
from emulator.dashboard.source import Replay, Subject

FILE = Path(__file__).parents[2] / "grafana" / "lightlag.json"
EVENTS = story(
    sourced(50.0),
    EnergySampled(50.0, "a", 5e5, 1e6, 120.0, 80.0, 290.0),
    RouteComputed(50.0, "a", "x", "b", 153.0, 2),
    hop(110.0, "a", "b"),
    hop(150.0, "b", "c"),
    delivered(153.0),
)
SAMPLE = re.compile(r"^(lightlag_\w+)(?:\{(.*)\})? ", re.MULTILINE)


def _exported() -> dict[str, set[str]]:
    """The labels of every metric that a run exports."""
    subject = Subject(
        name="x",
        strategy="sabr",
        seed=1,
        start_utc="",
        duration_s=500.0,
        plan=PLAN,
        names=("a", "b", "c"),
        store_bytes={},
        geometry=None,
    )
    at_s = (105.0, 160.0)  # when something is queued, and when something is delivered
    texts = [
        metrics_text(Session(subject, Replay(EVENTS, 500.0, 1.0, at_s=t, paused=True)))
        for t in at_s
    ]
    found: dict[str, set[str]] = {}
    for name, labels in SAMPLE.findall("\n".join(texts)):
        found.setdefault(name, set()).update(re.findall(r'(\w+)="', labels))
    return found


def _queries() -> Iterator[str]:
    document = json.loads(FILE.read_text())
    for panel in document["panels"]:
        for target in panel["targets"]:
            yield target["expr"]
            yield from re.findall(r"{{(\w+)}}", target["legendFormat"])
    for variable in document["templating"]["list"]:
        yield variable["query"]


def test_every_metric_of_the_dashboard_is_exported_with_the_labels_that_it_asks_for() -> None:
    exported = _exported()
    asked = 0
    for query in _queries():
        for name, labels in re.findall(r"(lightlag_\w+)(?:{([^}]*)})?", query):
            asked += 1
            assert name in exported, name
            known = exported[name] | {"instance"}  # which Prometheus itself adds
            assert set(re.findall(r'(\w+)=~?"', labels)) <= known, query
    assert asked > 20


def test_every_metric_that_is_exported_is_on_the_dashboard() -> None:
    text = " ".join(_queries())
    assert [name for name in _exported() if not re.search(rf"{name}\b", text)] == []


def test_legends_name_labels_that_their_metric_has() -> None:
    exported = _exported()
    for panel in json.loads(FILE.read_text())["panels"]:
        for target in panel["targets"]:
            names = re.findall(r"lightlag_\w+", target["expr"])
            for label in re.findall(r"{{(\w+)}}", target["legendFormat"]):
                assert any(label in exported[name] for name in names)


def test_panels_do_not_lie_on_one_another() -> None:
    places = [panel["gridPos"] for panel in json.loads(FILE.read_text())["panels"]]
    cells = [
        (x, y)
        for place in places
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
