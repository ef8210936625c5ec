"""Paths from files and formulas: OEM there and back, SPK against the ephemeris, Lagrange points by their ratios."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from dtn.errors import InvalidValue
from topology.constants import DAY_S
from topology.ephemeris import KERNELS, Sky
from topology.frozen_orbit import integrated, lunar_relay
from topology.lagrange import LagrangePoint
from topology.oem import oem_path, write_oem
from topology.spk import SpkPath

EXCERPT = KERNELS / "de421_2026_2036.bsp"


@pytest.fixture(scope="module")
def sky() -> Iterator[Sky]:
    with Sky(datetime(2026, 12, 1, tzinfo=UTC), 3 * DAY_S) as sky:
        yield sky


@pytest.fixture(scope="module")
def text(sky: Sky) -> str:
    orbit = integrated(sky, lunar_relay(sky, 0.0))
    return write_oem(sky, orbit, "moon", "elfo-1", np.arange(-3600.0, 3 * DAY_S + 3601.0, 300.0))


def test_an_orbit_written_as_an_oem_is_read_back_to_a_metre(sky: Sky, text: str) -> None:
    orbit, path = integrated(sky, lunar_relay(sky, 0.0)), oem_path(sky, text)
    assert path.span_s == pytest.approx((-3600.0, 3 * DAY_S + 3600.0), abs=4e-3)
    t_s = np.linspace(*path.span_s, 20_000)
    ours, exact = path.state(t_s), orbit.state(t_s)
    assert np.abs(ours.position_km - exact.position_km).max() < 1e-3
    assert np.abs(ours.velocity_km_s - exact.velocity_km_s).max() < 1e-4


@pytest.mark.parametrize(("system", "late_s"), [("TAI", 37.0), ("TT", 69.184), ("TDB", 69.184)])
def test_the_same_dates_in_other_clocks_are_earlier_by_what_the_clocks_are_ahead(
    sky: Sky, text: str, system: str, late_s: float
) -> None:
    utc = oem_path(sky, text)
    other = oem_path(sky, text.replace("TIME_SYSTEM = UTC", f"TIME_SYSTEM = {system}"))
    assert utc.span_s[0] - other.span_s[0] == pytest.approx(late_s, abs=2e-3)


def test_comments_covariances_accelerations_and_days_of_the_year_are_read_over(
    sky: Sky, text: str
) -> None:
    lines = text.replace("2026-12-01T", "2026-335T").splitlines()
    lines = [f"{line} 0.0 0.0 0.0" if line.startswith("2026") else line for line in lines]
    lines += ["COMMENT an aside", "COVARIANCE_START", "EPOCH = 2026-12-01T00:00:00", "1.0"]
    odd = oem_path(sky, "\n".join([*lines, "COVARIANCE_STOP"]))
    at = np.array([12_345.0])
    assert odd.state(at).position_km.tolist() == oem_path(sky, text).state(at).position_km.tolist()


def broken(text: str, change: str) -> str:
    lines = text.splitlines()
    first = next(n for n, line in enumerate(lines) if line.startswith("2026"))
    match change:
        case "hole":
            return "\n".join(lines[: first + 200] + lines[first + 260 :])
        case "short":
            return "\n".join(lines[: first + 200])
        case "axes":
            return text.replace("REF_FRAME = ICRF", "REF_FRAME = ITRF2000")
        case "clock":
            return text.replace("TIME_SYSTEM = UTC", "TIME_SYSTEM = GPS")
        case "centre":
            return text.replace("CENTER_NAME = MOON", "CENTER_NAME = CERES")
        case "falling":
            return "\n".join([*lines, lines[first]])
        case "words":
            return "\n".join([*lines[: first + 5], "2026-12-01T99:00 1 2 3", *lines[first + 5 :]])
        case _:
            return "elfo-1\n" + "\n".join(lines[1:])


@pytest.mark.parametrize(
    ("change", "mend"),
    [
        ("hole", "has a gap between 2026-12-01T15:35:00Z and 2026-12-01T20:40:00Z"),
        ("short", "not all of the scenario"),
        ("axes", "axes must be one of"),
        ("clock", "times must be in one of"),
        ("centre", "the centre must be one of"),
        ("falling", "epochs must rise"),
        ("words", "write an epoch, a position"),
        ("none", "is no OEM"),
    ],
)
def test_what_is_wrong_with_an_oem_is_said(sky: Sky, text: str, change: str, mend: str) -> None:
    with pytest.raises(InvalidValue, match=mend):
        oem_path(sky, broken(text, change))


@pytest.mark.parametrize(("target", "name"), [(301, "moon"), (399, "earth"), (4, "mars")])
def test_an_spk_file_is_read_as_the_ephemeris_is(sky: Sky, target: int, name: str) -> None:
    t_s = np.linspace(0.0, 3 * DAY_S, 50)
    ours, theirs = SpkPath(sky, EXCERPT, target).state(t_s), sky.body(name).state(t_s)
    assert np.abs(ours.position_km - theirs.position_km).max() < 1e-6
    assert np.abs(ours.velocity_km_s - theirs.velocity_km_s).max() < 1e-12


def test_what_is_wrong_with_an_spk_file_is_said(sky: Sky, tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match="is not in the file"):
        SpkPath(sky, EXCERPT, -85)
    with pytest.raises(InvalidValue, match="cannot be read"):
        SpkPath(sky, tmp_path / "none.bsp", 301)
    (tmp_path / "text.bsp").write_text("no kernel" * 200)
    with pytest.raises(InvalidValue, match="is no SPK file"):
        SpkPath(sky, tmp_path / "text.bsp", 301)


def test_lagrange_points_stand_where_textbooks_have_them(sky: Sky) -> None:
    t_s = np.array([0.0, DAY_S])
    earth, moon, sun = (sky.body(name).state(t_s).position_km for name in ("earth", "moon", "sun"))
    away = np.linalg.norm(moon - earth, axis=0)
    for point, part in ((1, 0.150934), (2, 0.167833)):  # from the Moon, in distances of the two
        place = LagrangePoint(sky, ("earth", "moon"), point).state(t_s).position_km
        assert np.linalg.norm(place - moon, axis=0) / away == pytest.approx([part] * 2, abs=1e-4)
    for point, side in ((4, 1.0), (5, -1.0)):
        state = LagrangePoint(sky, ("earth", "moon"), point).state(t_s)
        place, motion = state.position_km, sky.body("moon").state(t_s).velocity_km_s
        motion = motion - sky.body("earth").state(t_s).velocity_km_s
        assert np.linalg.norm(place - moon, axis=0) == pytest.approx(away)
        assert np.linalg.norm(place - earth, axis=0) == pytest.approx(away)
        assert (np.sign(((place - moon) * motion).sum(axis=0)) == side).all()
    l2 = LagrangePoint(sky, ("sun", "earth"), 2).state(t_s)
    assert np.linalg.norm(l2.position_km - earth, axis=0) == pytest.approx([1.49e6] * 2, rel=0.02)
    later = LagrangePoint(sky, ("sun", "earth"), 2).state(t_s + 1.0).position_km
    assert later - l2.position_km == pytest.approx(l2.velocity_km_s, abs=1e-4)
    assert np.linalg.norm(l2.position_km - sun, axis=0).min() > 1.47e8


def test_no_such_lagrange_point_is_refused(sky: Sky) -> None:
    with pytest.raises(InvalidValue, match="heavier first"):
        LagrangePoint(sky, ("moon", "earth"), 1)
    with pytest.raises(InvalidValue, match="1 to 5"):
        LagrangePoint(sky, ("earth", "moon"), 6)
