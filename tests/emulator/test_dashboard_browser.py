"""The dashboard in a real browser: dots at the speed of light, clicks, an injected cut, two sizes of screen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dashboard_browser import CHROMIUM, NARROW, WIDE, chromium, page_of
from live_dashboard import one_bundle, watched

import emulator
from dtn.contact_plan import Contact, ContactPlan
from dtn.events import RouteComputed, TransferStarted
from emulator.dashboard.serving import Serving
from emulator.dashboard.session import Session
from emulator.dashboard.watch import replay_session
from emulator.result import Result
from emulator.scenario import load
from emulator.setup import Demand, Member, Setup
from emulator.sky.scenario_sky import ScenarioSky
from nodes.spacecraft.options import RadiationOptions, SpacecraftOptions
from topology.constants import SPEED_OF_LIGHT_KM_S

pytest.importorskip("playwright", reason="playwright is not installed: pip install -e '.[browser]'")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"there is no {CHROMIUM}"),
]

SCENARIO = """
format = 1
name = "far"
start = 2026-12-01T00:00:00Z
duration = "1d"

[[nodes]]
name = "teide"
ipn = 1
role = "earth-station"
site = { body = "earth", latitude_deg = 28.3, longitude_deg = -16.51, height_m = 2390 }

[[nodes]]
name = "base"
ipn = 2
role = "moon-base"
site = { body = "moon", latitude_deg = 10, longitude_deg = 0 }

[[nodes]]
name = "orbiter"
ipn = 3
role = "relay"
terminals = ["deep-space"]
[nodes.orbit]
body = "mars"
epoch = 2026-12-01T00:00:00Z
position_km = [13747.012, 15082.301, 0.0]
velocity_km_s = [-0.83095, 0.757383, 0.914699]

[[traffic]]
name = "telemetry"
application = "telemetry"
from = "orbiter"
to = "teide"
size = "20 kB"
period = "2min"
lifetime = "2d"
"""


@pytest.fixture(scope="module")
def browser(flown: Path) -> Iterator[Any]:  # after the run: playwright's loop stays in this thread
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def flown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("far")
    (folder / "far.toml").write_text(SCENARIO)
    emulator.run(folder / "far.toml", out=folder / "run")
    return folder


@pytest.fixture(scope="module")
def result(flown: Path) -> Result:
    return Result.read(flown / "run")


@pytest.fixture(scope="module")
def started(result: Result) -> TransferStarted:
    """A bundle that leaves Mars."""
    leaves = [event for event in result.log if isinstance(event, TransferStarted)]
    return next(event for event in leaves if (event.node, event.neighbour) == ("orbiter", "teide"))


def _replay(flown: Path, at_s: float) -> Session:
    return replay_session(flown / "run", 60.0, at_s, paused=True)


@pytest.mark.parametrize("part", [0.1, 0.5, 0.93])
@pytest.mark.parametrize("view", ["Logarithmic", "Solar system"])
def test_a_bundles_dot_is_where_light_would_be(
    browser: Any,
    flown: Path,
    result: Result,
    started: TransferStarted,
    part: float,
    view: str,
) -> None:
    owlt_s = result.plan.contacts[started.contact].owlt_at(started.t_s)
    at_s = started.t_s + part * owlt_s
    with ScenarioSky(load(flown / "far.toml")) as sky:  # the truth, from the ephemerides
        sent_km = sky.path("orbiter").state(np.array([started.t_s])).position_km[:, 0]
        there_km = sky.path("teide").state(np.array([started.t_s + owlt_s])).position_km[:, 0]
    true_part = SPEED_OF_LIGHT_KM_S * part * owlt_s / float(np.linalg.norm(there_km - sent_km))
    with Serving(_replay(flown, at_s)) as serving, page_of(browser, serving.url) as page:
        page.get_by_role("button", name=view).click()
        page.wait_for_timeout(300)
        dots = page.evaluate("lightlag.dots()")
        (dot,) = (dot for dot in dots if dot["bundle"] == started.bundle)
        ends = [
            np.array(page.evaluate(f"lightlag.at('{name}')")[:2]) for name in ("orbiter", "teide")
        ]
        along = ends[1] - ends[0]
        drawn = float((np.array(dot["xy"]) - ends[0]) @ along / (along @ along))
        assert drawn == pytest.approx(true_part, abs=0.02)
        x, y = dot["xy"]
        pixel = page.evaluate(
            "([x, y]) => { const c = document.getElementById('map');"
            " const k = c.width / c.getBoundingClientRect().width;"
            " return [...c.getContext('2d').getImageData(Math.round(x * k), Math.round(y * k), 1, 1).data]; }",
            [x, y],
        )
        assert pixel[0] > 200
        assert pixel[1] > 160
        assert pixel[2] < 160
        assert page.complaints == []


@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_the_page_loads_within_three_seconds_fits_the_screen_and_complains_of_nothing(
    browser: Any, flown: Path, size: tuple[int, int]
) -> None:
    with Serving(_replay(flown, 40_000.0)) as serving, page_of(browser, serving.url, size) as page:
        page.locator("#nodes tr").nth(2).wait_for()
        shown_ms = page.evaluate("performance.now()")
        assert shown_ms < 3000
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        for name in ("Pause", "Slower", "Faster"):
            box = page.get_by_role("button", name=name.replace("Pause", "Go on")).bounding_box()
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= size[0]
        assert page.complaints == []


def test_clicking_a_node_on_the_map_shows_its_queue(
    browser: Any, flown: Path, result: Result
) -> None:
    routed = [event for event in result.log if isinstance(event, RouteComputed)]
    leaves = {e.bundle: e.t_s for e in result.log if isinstance(e, TransferStarted)}
    waited = next(e for e in routed if leaves.get(e.bundle, 0.0) > e.t_s + 100)
    session = _replay(flown, waited.t_s + 50.0)
    with Serving(session) as serving, page_of(browser, serving.url) as page:
        page.wait_for_timeout(300)
        x, y, _ = page.evaluate("lightlag.at('orbiter')")
        page.locator("#map").click(position={"x": x, "y": y})
        page.get_by_role("heading", name="orbiter", exact=True).wait_for()
        queue = page.locator("#selected table").first.inner_text()
        count = len(session.fold.nodes["orbiter"].queues[waited.entry])
        assert count > 0
        assert f"{waited.entry}\t{count}\t" in queue
        page.locator("#selected").get_by_role("button", name="ipn:3").first.click()
        page.get_by_role("heading", name="ipn:3").wait_for()
        assert "sourced: 20 kB" in page.locator("#selected").inner_text()


def test_everything_can_be_reached_and_done_with_the_keyboard(browser: Any, flown: Path) -> None:
    with Serving(_replay(flown, 40_000.0)) as serving, page_of(browser, serving.url) as page:
        seen = set()
        for _ in range(60):
            page.keyboard.press("Tab")
            seen.add(
                page.evaluate("document.activeElement.id || document.activeElement.textContent")
            )
            ring = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert ring != "none"
        assert {"pause", "rate", "jump", "map", "teide", "Logarithmic", "tab-nodes"} <= seen
        page.locator("#map").focus()
        before = page.evaluate("lightlag.map.yaw")
        page.keyboard.press("ArrowRight")
        assert page.evaluate("lightlag.map.yaw") > before
        page.locator("#tab-nodes").focus()
        page.keyboard.press("ArrowRight")
        assert page.locator("#panel-links").is_visible()


@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_axe_finds_nothing_serious(browser: Any, flown: Path, size: tuple[int, int]) -> None:
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe is not installed"
    )
    with Serving(_replay(flown, 40_000.0)) as serving, page_of(browser, serving.url, size) as page:
        page.wait_for_timeout(500)
        found = axe.Axe().run(page).response["violations"]
        said = [(v["id"], [n["html"] for n in v["nodes"]][:3]) for v in found]
        assert said == []


RADIATING = Setup(
    name="storm",
    sha256="00",
    start=None,
    duration_s=2000.0,
    seed=1,
    strategy="sabr",
    plan=ContactPlan(
        [Contact(x, y, 0.0, 2000.0, 8000.0, 1.0) for x, y in (("a", "b"), ("b", "a"))],
        ipn_numbers={"a": 1, "b": 2},
    ),
    members=(
        Member(name="a", ipn=1, body="earth"),
        Member(
            name="b",
            ipn=2,
            spacecraft=SpacecraftOptions(radiation=RadiationOptions(protection="none")),
        ),
    ),
    demands=tuple(
        Demand(created_s=1.0, source="b", destination="a", size_bytes=5000, lifetime_s=2000.0)
        for _ in range(300)
    ),
)


@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_an_injected_storm_draws_its_upsets_on_the_map_and_tells_them_in_the_feed(
    browser: Any, size: tuple[int, int]
) -> None:
    with watched(RADIATING, 50.0) as url, page_of(browser, url, size) as page:
        page.locator("#tab-do").click()
        page.locator("#storm input[name=factor]").fill("1000000")
        page.get_by_role("button", name="Storm", exact=True).click()
        page.get_by_text("A storm hits 1 node.").wait_for()
        page.locator("#feed tr.faults", has_text="bits flipped in memory").first.wait_for()
        assert page.evaluate("lightlag.picture.storms.length") == 1
        assert _pixels_of_storms(page) > 20
        page.locator("#tab-nodes").click()
        page.locator("#nodes").get_by_role("button", name="b", exact=True).click()
        page.locator("#selected", has_text="bundles spoilt in memory").wait_for()
        assert page.complaints == []
        page.locator("#rate").select_option("100000")
        page.wait_for_timeout(300)


def _pixels_of_storms(page: Any) -> int:
    """Pixels of the map near the colour that its storms have, which nothing else has."""
    found = page.evaluate(
        "() => { const c = document.getElementById('map'); let n = 0;"
        " const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;"
        " for (let i = 0; i < d.length; i += 4)"
        " n += Math.abs(d[i] - 255) + Math.abs(d[i + 1] - 140) + Math.abs(d[i + 2] - 240) < 60;"
        " return n; }"
    )
    return int(found)


def test_an_injected_cut_shows_in_the_chart_and_in_the_event_feed(browser: Any) -> None:
    with watched(one_bundle("<b>live</b>"), 20.0) as url, page_of(browser, url) as page:
        assert page.locator("#name").inner_text() == "<b>live</b>"
        page.locator("#tab-do").click()
        page.locator("#cut select[name=a]").select_option("a")
        page.locator("#cut select[name=b]").select_option("b")
        page.locator("#links tr").first.wait_for(state="attached", timeout=10_000)
        page.get_by_role("button", name="Cut", exact=True).click()
        page.locator("#feed tr.faults", has_text="link to b down: link cut").wait_for()
        bars = page.evaluate("lightlag.gantt('a', 'b')")
        assert [bar["reason"] for bar in bars] == ["link cut"]
        assert 100.0 < bars[0]["end"] < 200.0
        page.locator("#send select[name=from]").select_option("b")
        page.locator("#send select[name=to]").select_option("c")
        page.get_by_role("button", name="Send").click()
        page.get_by_text("A bundle for c leaves b.").wait_for()
        assert page.complaints == []
        page.locator("#rate").select_option("100000")
        page.wait_for_timeout(300)
