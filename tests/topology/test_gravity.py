"""The Moon's field against the slope of the potential as textbooks write it, another recursion, and Laplace."""

from __future__ import annotations

import math

import lunar_gravity
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import lpmv

from topology import constants as c
from topology.gravity import (
    MOON_FIELD_FILE,
    Coefficient,
    Oblate,
    SphericalHarmonics,
    field_of,
    read_coefficients,
)
from topology.paths import FloatArray

OWN_AXES = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
MOON = read_coefficients(MOON_FIELD_FILE.read_text())

places = st.tuples(*[st.floats(-1.0, 1.0)] * 3, st.floats(1_738.0, 60_000.0)).filter(
    lambda drawn: math.hypot(*drawn[:3]) > 0.01
)


def place_km(drawn: tuple[float, ...]) -> FloatArray:
    direction = np.array(drawn[:3])
    scaled: FloatArray = direction / np.linalg.norm(direction) * drawn[3]
    return scaled


def potential(place: FloatArray) -> float:
    """GM/r sum (R/r)^n P_nm(sin latitude) (C cos m longitude + S sin m longitude): what is not the point mass."""
    r = float(np.linalg.norm(place))
    longitude = math.atan2(place[1], place[0])
    total = 0.0
    for (n, m), (cosine, sine) in MOON.items():
        twice = 1 if m == 0 else 2
        norm = math.sqrt(twice * (2 * n + 1) * math.factorial(n - m) / math.factorial(n + m))
        legendre = (-1) ** m * float(
            lpmv(m, n, place[2] / r)
        )  # without Condon's and Shortley's sign
        wave = cosine * math.cos(m * longitude) + sine * math.sin(m * longitude)
        total += norm * legendre * wave * (c.MOON_GRAVITY_RADIUS_KM / r) ** n
    return c.GM_MOON_KM3_S2 / r * total


@given(drawn=places)
def test_the_pull_is_the_slope_of_the_potential(drawn: tuple[float, ...]) -> None:
    place = place_km(drawn)
    step_km = 1e-3 * float(np.linalg.norm(place))
    slope = [
        (
            8 * (potential(place + aside) - potential(place - aside))
            - potential(place + 2 * aside)
            + potential(place - 2 * aside)
        )
        / (12 * step_km)
        for aside in step_km * np.eye(3)
    ]
    pull = field_of("moon").unevenness(OWN_AXES, *place.tolist())
    assert pull == pytest.approx(slope, rel=1e-6, abs=1e-7 * math.hypot(*pull))


@given(drawn=places)
def test_another_recursion_gives_the_same_pull(drawn: tuple[float, ...]) -> None:
    place = place_km(drawn)
    table = lunar_gravity.coefficients(8)
    table[0, 0] = 0j
    theirs = lunar_gravity.pull(table, place)
    ours = np.array(field_of("moon").unevenness(OWN_AXES, *place.tolist()))
    assert np.linalg.norm(ours - theirs) <= 1e-13 * np.linalg.norm(theirs)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_poles_are_no_special_places(sign: float) -> None:
    field = field_of("moon")
    pole = field.unevenness(OWN_AXES, 0.0, 0.0, sign * 1_800.0)
    beside = field.unevenness(OWN_AXES, 1e-6, -1e-6, sign * 1_800.0)
    assert all(map(math.isfinite, pole))
    assert beside == pytest.approx(pole, rel=1e-7)


@given(drawn=places)
def test_oblateness_is_the_first_harmonic(drawn: tuple[float, ...]) -> None:
    j2 = 1.08e-3
    place = place_km(drawn).tolist()
    whole = SphericalHarmonics(4.9e3, 1_738.0, {(2, 0): Coefficient(-j2 / math.sqrt(5), 0.0)})
    flattened = Oblate(4.9e3, 1_738.0, j2).unevenness(OWN_AXES, *place)
    assert whole.unevenness(OWN_AXES, *place) == pytest.approx(
        flattened, abs=1e-12 * math.hypot(*flattened)
    )


@given(drawn=places, turn=st.tuples(*[st.floats(-1.0, 1.0)] * 4))
def test_a_turned_body_pulls_as_a_turned_place(
    drawn: tuple[float, ...], turn: tuple[float, ...]
) -> None:
    quaternion = np.array(turn) + np.array([1.1, 0.0, 0.0, 0.0])
    w, x, y, z = quaternion / np.linalg.norm(quaternion)
    axes = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
    place, field = place_km(drawn), field_of("moon")
    turned = field.unevenness(axes.ravel().tolist(), *place.tolist())
    fixed = axes.T @ np.array(field.unevenness(OWN_AXES, *(axes @ place).tolist()))
    assert turned == pytest.approx(fixed.tolist(), abs=1e-12 * math.hypot(*turned))


def test_the_moon_is_as_flat_and_oval_as_was_published() -> None:
    """GL0660B, another laboratory's solution (Konopliv et al. 2013): J2 = 2.0322e-4, C22 = 2.2382e-5."""
    assert len(MOON) == sum(range(3, 10))
    assert -math.sqrt(5) * MOON[2, 0].c == pytest.approx(2.0322e-4, rel=1e-4)
    assert math.sqrt(5 / 12) * MOON[2, 2].c == pytest.approx(2.2382e-5, rel=1e-4)
    # principal axes: no products of inertia
    assert max(abs(MOON[2, 1].c), abs(MOON[2, 1].s), abs(MOON[2, 2].s)) < 2e-9
