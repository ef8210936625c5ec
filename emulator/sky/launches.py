"""Launches of a scenario: each satellite's muzzle and path, and what becomes of it before anything is run.

The muzzle's speed has an error that is drawn for each satellite by the scenario's seed and its name, the same here and
in the run. A path is followed for half a year, or to the ephemeris's end: longer than most scenarios, because a
satellite that only seems to leave comes back.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from dtn.errors import BadInput, Fault, InvalidValue
from emulator.scenario import Launch, Scenario
from nodes.seeding import generator
from topology.constants import DAY_S
from topology.dynamics import DeepSpace, Trajectory
from topology.ephemeris import Sky
from topology.mass_driver import WATCHED_D, LaunchReport, Muzzle, Sail, report
from topology.mass_driver import launch as launch_path
from topology.sites import moon_site

CHECKED = 50
"""Of more launches than this, so many spread evenly are followed before a run."""

JsonValue = str | float | bool | None | dict[str, float]


class Fate(NamedTuple):
    """What becomes of one satellite.

    Attributes:
        name: of the satellite.
        launched: when, UTC.
        muzzle: with the speed it really got.
        report: what was seen.
    """

    name: str
    launched: datetime
    muzzle: Muzzle
    report: LaunchReport

    def document(self) -> dict[str, JsonValue]:
        """As JSON."""
        seen = self.report
        return {
            "satellite": self.name,
            "launched": f"{self.launched:%Y-%m-%dT%H:%M:%SZ}",
            "muzzle_speed_m_s": self.muzzle.speed_m_s,
            "energy_j_kg": seen.energy_j_kg,
            "c3_km2_s2": seen.c3_km2_s2,
            "escapes": seen.escapes,
            "hits": seen.impact,
            "hit_after_s": None if seen.impact_s is None else seen.impact_s - seen.at_s,
            "closest_earth_km": seen.closest_earth_km,
            "closest_moon_km": seen.closest_moon_km,
            "distance_km": {str(days): away for days, away in seen.distance_km.items()},
            "watched_d": seen.watched_d,
            "fate": seen.verdict,
        }


def muzzle_of(launch: Launch, seed: int) -> Muzzle:
    """How a satellite is launched, its error of speed included.

    Raises:
        InvalidValue: a launch into the ground, or at no speed.
    """
    driver = launch.driver
    muzzle = Muzzle(
        azimuth_deg=driver.azimuth_deg,
        elevation_deg=driver.elevation_deg,
        speed_m_s=driver.muzzle_speed_m_s,
    )
    if driver.muzzle_speed_error_m_s == 0:
        return muzzle
    error = generator(seed, "muzzle", launch.name).gauss(0.0, driver.muzzle_speed_error_m_s)
    return replace(muzzle, speed_m_s=driver.muzzle_speed_m_s + error)


def flight(sky: Sky, masses: DeepSpace, launch: Launch, muzzle: Muzzle, end_s: float) -> Trajectory:
    """The path of a satellite from its launch to end_s, or until it meets the Earth or the Moon."""
    place = launch.driver.site
    ground = moon_site(sky, place.latitude_deg, place.longitude_deg, place.height_m)
    satellites = launch.driver.satellites
    sail = Sail(
        area_to_mass_m2_kg=satellites.area_to_mass_m2_kg, reflectivity=satellites.reflectivity
    )
    return launch_path(masses, ground, muzzle, launch.t_s, end_s, sail=sail)


def fates(scenario: Scenario, most: int | None = None) -> list[Fate]:
    """What becomes of the scenario's launches, in order of time.

    Args:
        scenario: the scenario.
        most: follow no more than so many of them, spread evenly.

    Raises:
        BadInput: a launch that cannot be.
    """
    launches = scenario.launches()
    if most is not None and len(launches) > most:
        launches = tuple(launches[k * (len(launches) - 1) // (most - 1)] for k in range(most))
    if not launches:
        return []
    kernels = scenario.kernel_set()
    room_s = (kernels.covered()[1] - scenario.start).total_seconds()
    followed_s = min(launches[-1].t_s + (WATCHED_D + 1) * DAY_S, room_s)
    found = []
    with Sky(scenario.start, followed_s, kernels) as sky:
        masses = DeepSpace(sky, 0.0, followed_s)
        for launch in launches:
            try:
                muzzle = muzzle_of(launch, scenario.seed)
                path = flight(
                    sky, masses, launch, muzzle, min(launch.t_s + WATCHED_D * DAY_S, followed_s)
                )
            except InvalidValue as bad:
                key = f'mass_driver "{launch.driver.name}".{bad.key}'
                fault = Fault(str(scenario.file), key, str(bad.value), bad.mend)
                raise BadInput(fault) from None
            launched = scenario.start + timedelta(seconds=launch.t_s)
            found.append(Fate(launch.name, launched, muzzle, report(sky, path, muzzle)))
    return found


def doubtful(scenario: Scenario) -> list[str]:
    """A sentence for each satellite that hits something or does not leave, as far as they are followed."""
    return [
        f"{scenario.file}: {fate.name}, launched {fate.launched:%Y-%m-%d %H:%M}, {fate.report.verdict}"
        for fate in fates(scenario, CHECKED)
        if not fate.report.escapes
    ]
