"""A craft that computes, the Moon and the Earth: where an event is decided on, and when."""

from __future__ import annotations

from pathlib import Path

import emulator
from dtn.contact_plan import Contact, ContactPlan
from emulator.result import Result
from emulator.scenario import load
from emulator.setup import over

DAY_S = 86400.0
OWLT_S = {"moon": 2.0, "earth": 100.0}
RATE_BPS = 1e6
INPUT_BYTES = 100_000
AIRTIME_S = INPUT_BYTES * 8 / RATE_BPS

NODES = """\
format = 1
name = "three"
start = 2026-12-01T00:00:00Z
duration = "1d"

[[nodes]]
name = "home"
ipn = 1
role = "gateway"
computing = {{ operations_per_joule = 1e9, power_w = 1000, slots = 10 }}

[[nodes]]
name = "base"
ipn = 2
role = "moon-base"
site = {{ body = "moon", latitude_deg = -89.5, longitude_deg = 0 }}
computing = {{ operations_per_joule = 1e9, power_w = 100 }}

[[nodes]]
name = "craft"
ipn = 3
role = "satellite"
orbit = {{ body = "earth", lagrange = {{ bodies = ["sun", "earth"], point = 1 }} }}
computing = {{ operations_per_joule = 1e9, power_w = {craft_w}{computing} }}
{more}
[[traffic]]
name = "watch"
application = "inference"
from = "craft"
to = "home"
size = "100 kB"
period = "20min"
first = "10min"
lifetime = "6h"
[traffic.job]
operations = {operations}
output = "200 B"
deadline = "{deadline}"
placement = {placement}
{job}
"""


def both_ways(a: str, b: str, owlt_s: float, spans: list[tuple[float, float]]) -> list[Contact]:
    return [
        Contact(source, destination, start_s, end_s, RATE_BPS, owlt_s)
        for source, destination in ((a, b), (b, a))
        for start_s, end_s in spans
    ]


ALWAYS = [(0.0, DAY_S)]
NUMBERS = {"home": 1, "base": 2, "craft": 3}
PLAN = ContactPlan(
    both_ways("craft", "base", OWLT_S["moon"], ALWAYS)
    + both_ways("craft", "home", OWLT_S["earth"], ALWAYS),
    ipn_numbers=NUMBERS,
)
SELDOM = [(3600.0 * hour, 3600.0 * hour + 600.0) for hour in range(1, 24, 3)]
GAPS = ContactPlan(
    both_ways("craft", "base", OWLT_S["moon"], SELDOM)
    + both_ways("base", "home", 1.3, [(0.0, 30_000.0), (50_000.0, DAY_S)]),
    ipn_numbers=NUMBERS,
)
BOTH = '["onboard", "earth"]'


def scenario(
    tmp_path: Path,
    placement: str = '"onboard"',
    craft_w: float = 1.0,
    operations: str = "1e9",
    deadline: str = "1h",
    computing: str = "",
    job: str = "",
    more: str = "",
) -> Path:
    file = tmp_path / "three.toml"
    values = {
        "placement": placement,
        "craft_w": craft_w,
        "operations": operations,
        "deadline": deadline,
        "computing": computing and f", {computing}",
        "job": job,
        "more": more,
    }
    file.write_text(NODES.format(**values))
    return file


def fly(
    tmp_path: Path, plan: ContactPlan = PLAN, seed: int | None = None, **said: object
) -> Result:
    return emulator.run(over(load(scenario(tmp_path, **said)), plan), seed=seed)  # type: ignore[arg-type]


def medians(result: Result) -> dict[str, float]:
    return {one["placement"]: one["latency_s"]["p50"] or 0.0 for one in result.summary["decisions"]}


def events(result: Result, kind: type) -> list[object]:
    return [event for event in result.log if type(event) is kind]
