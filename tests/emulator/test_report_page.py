"""report.html: whole, offline, safe against names, and no bigger for more bundles."""

from __future__ import annotations

import json
import math
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from html import escape
from html.parser import HTMLParser

import pytest
from streams import PLAN, SIMPLE, delivered, hop, in_order, sourced, story

from dtn.contact_plan import ContactPlan
from dtn.errors import InvalidValue
from dtn.events import BundleDeleted, ContactEnded, Event, FrameLate
from emulator.geometry import Geometry, Track
from emulator.log import LogHeader
from emulator.reports.contact_chart import merged
from emulator.reports.history import Opening
from emulator.result import Result

EVIL = "</script><img src=x onerror=alert(1)>'\"&"


def _result(events: list[Event], scenario: str = "two-hops", start_utc: str = "") -> Result:
    header = LogHeader(
        scenario=scenario,
        scenario_sha256="00",
        seed=1,
        strategy="sabr",
        rate=math.inf,
        version="0.1.0",
        duration_s=500.0,
        start_utc=start_utc,
    )
    return Result.of(header, events, PLAN, command="lightlag run x.toml --seed 1")


class _Page(HTMLParser):
    """What a browser would see of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.figures: dict[str, dict[str, object]] = {}
        self._script: str | None = None
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._script = (dict(attrs).get("id") or "") if tag == "script" else None

    def handle_data(self, data: str) -> None:
        if self._script == "figures":
            self.figures = json.loads(data)
        elif self._script is None:
            self.text += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self._script = None


def test_a_page_needs_nothing_from_elsewhere():
    page = _Page(_result(SIMPLE).page())
    for tag, attrs in page.tags:
        assert "src" not in attrs, tag
        assert tag not in ("link", "img", "iframe", "object")
        assert not (attrs.get("href") or "#").lower().startswith(("http", "//"))
    policy = next(a["content"] for t, a in page.tags if "http-equiv" in a)
    assert policy is not None
    assert "default-src 'none'" in policy
    assert policy.count("sha256-") == 2


def test_a_page_has_every_figure_and_a_place_for_it():
    page = _Page(_result(SIMPLE).page())
    expected = {"contacts", "links", "storage", "latency", "breakdown", "ideal", "hops"}
    assert set(page.figures) == expected
    places = {a["id"] for _, a in page.tags if a.get("class") == "chart"}
    assert places == expected


def test_a_page_tells_latency_losses_and_how_to_run_it_again():
    lost = [sourced(60.0, "y", "files"), BundleDeleted(70.0, "a", "y", 4)]
    text = _Page(_result(in_order(SIMPLE, lost, FrameLate(80.0, "b", "a", 0.25))).page()).text
    for said in ("telemetry", "a → c", "103 s", "depleted storage", "lightlag run x.toml --seed 1",
                 "Late frames", "250 ms"):  # fmt: skip
        assert said in text


def test_names_are_text_wherever_they_stand():
    events = story(
        sourced(50.0, flow=EVIL),
        hop(110.0, "a", "b"),
        hop(150.0, "b", "c"),
        delivered(153.0),
        sourced(60.0, "y", EVIL),
        BundleDeleted(70.0, EVIL, "y", 4),
        ContactEnded(190.0, "a", "b", 0, EVIL),
    )
    html = _result(events, scenario=EVIL).page()
    page = _Page(html)
    assert not [tag for tag, _ in page.tags if tag == "img"]
    assert len([tag for tag, _ in page.tags if tag == "script"]) == 3
    assert EVIL in page.text
    texts = re.findall(r'"((?:[^"\\]|\\.)*onerror(?:[^"\\]|\\.)*)"', json.dumps(page.figures))
    assert texts
    assert not [text for text in texts if "<" in text]


@pytest.mark.parametrize("events", [[], story(sourced(50.0))])
def test_a_run_that_delivered_nothing_has_a_page_too(events):
    page = _Page(_result(events).page())
    assert "latency" not in page.figures


def test_dates_stand_where_the_run_has_one():
    text = _Page(_result(SIMPLE, start_utc="2026-12-01T00:00:00Z").page()).text
    assert "2026-12-01 00:00:00 to 2026-12-01 00:08:20 UTC" in text


def test_a_page_does_not_grow_with_the_number_of_bundles():
    def size(bundles: int) -> int:
        stories = [
            [sourced(50.0, f"x{n}"), *hop(110.0, "a", "b", f"x{n}"), *hop(150.0, "b", "c", f"x{n}"),
             delivered(153.0 + n / 1e3, f"x{n}")]
            for n in range(bundles)
        ]  # fmt: skip
        return len(_result(story(*stories)).page())

    assert size(2000) - size(400) < 20_000
    assert size(2000) < 6_000_000


def test_gaps_too_small_to_see_are_closed():
    openings = [Opening(0, 0.0, 10.0, ""), Opening(1, 10.5, 20.0, ""), Opening(2, 30.0, 40.0, "")]
    assert merged(openings, 1.0) == [(0.0, 20.0), (30.0, 40.0)]


def test_a_plan_without_contacts_has_a_page():
    header = _result([]).header
    assert "<!doctype html>" in Result.of(header, [], ContactPlan([])).page()


@pytest.mark.parametrize("events", [SIMPLE, [], story(sourced(50.0))])
def test_a_picture_is_well_formed_and_stays_inside_its_frame(events: list[Event]):
    result = _result(events, scenario=EVIL, start_utc="2026-12-01T00:00:00Z")
    svg = ElementTree.fromstring(result.picture())
    width, height = float(svg.attrib["width"]), float(svg.attrib["height"])
    assert "script" not in {node.tag.rpartition("}")[2] for node in svg.iter()}
    for node in svg.iter("{http://www.w3.org/2000/svg}rect"):
        x, y = float(node.attrib["x"]), float(node.attrib["y"])
        assert 0 <= x <= x + float(node.attrib["width"]) <= width + 1
        assert 0 <= y <= y + float(node.attrib["height"]) <= height
    texts = [node.text for node in svg.iter("{http://www.w3.org/2000/svg}text")]
    assert EVIL in texts


def test_a_picture_shows_contacts_where_they_were_and_latencies_as_they_were():
    svg = ElementTree.fromstring(_result(SIMPLE).picture())
    bars = [n for n in svg.iter("{http://www.w3.org/2000/svg}rect") if n.get("class") == "up"]
    drawn = [(float(n.attrib["x"]), float(n.attrib["width"])) for n in bars]
    # 706 pixels are 500 s: a-b is up in [100, 200], b-c in [150, 400]
    for (x, width), (start_s, end_s) in zip(drawn, [(100, 200), (150, 400)], strict=True):
        assert x == pytest.approx(230 + 706 * start_s / 500, abs=0.1)
        assert width == pytest.approx(706 * (end_s - start_s) / 500, abs=0.1)
    text = "".join(svg.itertext())
    assert "median latency 103 s, ideal 103 s" in text
    assert "88 s wait, 10 s queue, 2 s airtime, 3 s light" in text


def test_a_notebook_shows_the_numbers_and_escapes_names() -> None:
    shown = _result(SIMPLE, scenario=EVIL)._repr_html_()
    assert "<img" not in shown
    assert "103 s (ideal 103 s)" in shown


def test_the_map_ends_where_the_tracks_do_and_is_there_only_with_a_geometry() -> None:
    assert "map" not in _Page(_result(SIMPLE).page()).figures
    still = Track(name="sun", parent="", start_s=0.0, step_s=500.0, error_km=0.0, km=(0,) * 6)
    earth = replace(still, name="earth", parent="sun", km=(150_000_000, 0, 0, 150_000_000, 9, 0))
    moon = replace(still, name="moon", parent="earth", km=(380_000, 0, 0, 0, 380_000, 0))
    far = replace(still, name=EVIL, parent="earth", km=(10_000, 0, 0, 20_000, 0, 0))
    near = replace(still, name="site", parent="earth", km=(6378, 0, 0, 6378, 0, 0))
    geometry = Geometry(
        radii_km={"sun": 1.0, "earth": 1.0, "moon": 1.0},
        bodies=(still, earth, moon),
        nodes=(far, near),
    )
    page = _Page(replace(_result(SIMPLE), geometry=geometry).page())
    drawn = page.figures["map"]["data"]
    ends = {(path["name"], path["xaxis"]): (path["x"][-1], path["y"][-1]) for path in drawn}  # type: ignore[attr-defined]
    end = SIMPLE[-1].t_s / 500.0  # the tracks go on; the run does not
    assert ends["moon", "x"] == pytest.approx((380 * (1 - end), 380 * end), rel=1e-4)
    assert ends[escape(EVIL), "x"] == pytest.approx((10 + 10 * end, 0.0), rel=1e-4)
    assert ends["earth", "x2"] == pytest.approx((150.0, 0.0), abs=1e-4)
    assert "site" not in {name for name, _ in ends}


def test_a_figure_of_the_report_is_there_for_a_notebook():
    result = _result(SIMPLE)
    figure = result.figure("latency")
    assert list(figure.data[0].x) == [103.0]
    with pytest.raises(InvalidValue, match="latency"):
        result.figure("nothing")


def test_a_result_of_a_hostile_name_is_no_markup_in_a_notebook():
    assert "<img" not in _result(SIMPLE, scenario=EVIL)._repr_html_()
