"""The same kernels read by NAIF's own library: run where spiceypy is installed (`pip install spiceypy`)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np
import pytest

from topology.constants import DAY_S, J2000_TDB_JD
from topology.ephemeris import KERNELS, Sky
from topology.geometry import light_time, light_time_received

spice = pytest.importorskip("spiceypy", exc_type=ImportError)
pytestmark = pytest.mark.slow

NUMBERS = {"sun": "10", "venus": "2", "earth": "399", "moon": "301", "mars": "4", "jupiter": "5"}


@pytest.fixture(scope="module")
def sky(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sky]:
    # SPICE reads whole records of 1024 bytes; the excerpt's last one is not filled up
    excerpt = (KERNELS / "de421_2026_2036.bsp").read_bytes()
    filled = tmp_path_factory.mktemp("kernels") / "filled.bsp"
    filled.write_bytes(excerpt + bytes(-len(excerpt) % 1024))
    spice.furnsh(str(filled))
    for kernel in ("moon_pa_de421_1900-2050.bpc", "moon_080317.tf"):
        spice.furnsh(str(KERNELS / kernel))
    with Sky(datetime(2031, 5, 1, tzinfo=UTC), 60 * DAY_S) as sky:
        yield sky
    spice.kclear()


@pytest.fixture(scope="module")
def epochs() -> np.ndarray:
    return np.linspace(0.0, 60 * DAY_S, 200)


def spice_seconds(sky: Sky, t_s: np.ndarray) -> np.ndarray:
    whole, fraction = sky.epochs.whole_jd, sky.epochs.fraction_jd
    return ((whole - J2000_TDB_JD) + fraction) * DAY_S + t_s


def test_bodies_stand_where_spice_puts_them(sky: Sky, epochs: np.ndarray) -> None:
    for name, number in NUMBERS.items():
        theirs, _ = spice.spkezr(number, spice_seconds(sky, epochs), "J2000", "NONE", "0")
        ours = np.concatenate(sky.body(name).state(epochs)).T
        assert np.abs(np.array(theirs) - ours)[:, :3].max() < 1e-4, name  # 10 cm in 5 au
        assert np.abs(np.array(theirs) - ours)[:, 3:].max() < 1e-9, name


@pytest.mark.parametrize(
    ("name", "frame"), [("moon", "MOON_ME_DE421"), ("moon-principal", "MOON_PA_DE421")]
)
def test_the_moon_is_turned_as_spice_says(
    sky: Sky, epochs: np.ndarray, name: str, frame: str
) -> None:
    theirs = [spice.sxform("J2000", frame, et) for et in spice_seconds(sky, epochs)]
    ours = sky.orientation(name).rotation(epochs)
    matrix = np.array([block[:3, :3] for block in theirs]).transpose(1, 2, 0)
    rate = np.array([block[3:, :3] for block in theirs]).transpose(1, 2, 0)
    assert np.abs(ours.matrix - matrix).max() < 1e-11
    assert np.abs(ours.rate - rate).max() < 1e-16


def test_light_times_agree_with_spices_converged_ones(sky: Sky, epochs: np.ndarray) -> None:
    earth = sky.body("earth")
    et = spice_seconds(sky, epochs)
    for name in ("moon", "mars", "venus", "jupiter"):
        _, received = spice.spkpos(NUMBERS[name], et, "J2000", "CN", "399")
        _, transmitted = spice.spkpos(NUMBERS[name], et, "J2000", "XCN", "399")
        ours = light_time(earth, sky.body(name), epochs)
        heard = light_time_received(sky.body(name), earth, epochs)
        assert np.abs(np.array(transmitted) - np.asarray(ours)).max() < 1e-8, name
        assert np.abs(np.array(received) - np.asarray(heard)).max() < 1e-8, name
