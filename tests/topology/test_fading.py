"""Outage of a fading link against sampling, published figures and its own limits; and what the planner makes of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from tests.topology.simple_paths import Circle, Straight
from topology.constants import SPEED_OF_LIGHT_KM_S
from topology.fading import (
    BEAM_RADIUS,
    SCALE_HEIGHT_M,
    interleaved,
    outage,
    scintillation,
    turbulence_moment,
)
from topology.laser import Air, frame_loss, margin_db, rate_bps
from topology.network import PlannedNode
from topology.planner import PlanOptions, plan_contacts
from topology.planner.contacts import air_around
from topology.terminal import PRESETS
from topology.visibility import End, Surroundings

DSOC, HALE = PRESETS["deep-space"], PRESETS["hale"]
STATION = PRESETS["optical-ground"]
LIGHT_M = 1550e-9
SPAN = (-1e5, 1e6)


@pytest.mark.parametrize(
    ("margin_db", "sigma", "jitter_beams"),
    [
        (3.0, 0.0, 0.25),
        (3.0, 0.5, 0.0),
        (3.0, 0.4, 0.2),
        (1.0, 0.05, 0.1),
        (0.0, 0.3, 0.15),
        (6.0, 0.8, 0.3),
    ],
)
def test_the_outage_is_what_sampling_powers_gives(
    margin_db: float, sigma: float, jitter_beams: float
) -> None:
    rng = np.random.default_rng(7)
    count = 2_000_000
    power = np.exp(sigma * rng.standard_normal(count) - sigma**2 / 2)
    offset = jitter_beams * rng.standard_normal((2, count))
    power *= np.exp(-2 * (offset**2).sum(axis=0) / BEAM_RADIUS**2)
    power /= power.mean()
    sampled = float((power < 10 ** (-margin_db / 10)).mean())
    formula = float(outage(np.array(margin_db), np.array(sigma), jitter_beams))
    assert formula == pytest.approx(sampled, abs=5 * np.sqrt(sampled / count) + 1e-6)
    assert sampled > 1e-5


@given(st.floats(0, 20), st.floats(0, 2), st.floats(0, 1))
def test_the_outage_is_a_probability_that_falls_with_the_margin(
    margin: float, sigma: float, jitter: float
) -> None:
    at = outage(np.array([margin, margin + 0.5]), np.array(sigma), jitter)
    assert 0 <= at[1] <= at[0] <= 1


def test_jitter_of_seven_hundredths_of_the_full_beam_costs_a_fade_a_year_at_three_decibels() -> (
    None
):
    # the published rule counts fades, each a fraction of a second: the share of time must be that of seconds in a year
    lost = float(outage(np.array(3.0), np.array(0.0), 0.07 * 2 * BEAM_RADIUS))
    assert 1e-8 < lost < 1e-4


def test_the_turbulence_is_that_whose_name_says_five_centimetres() -> None:
    wavenumber = 2 * np.pi / 0.5e-6
    fried_m = (0.423 * wavenumber**2 * turbulence_moment(0.0)) ** -0.6
    assert fried_m == pytest.approx(0.05, rel=0.02)

    def profile(height_m: float) -> float:
        high = 0.00594 * (21 / 27) ** 2 * (1e-5 * height_m) ** 10 * np.exp(-height_m / 1000)
        low = 1.7e-14 * np.exp(-height_m / 100)
        return float(high + 2.7e-16 * np.exp(-height_m / 1500) + low)

    by_steps, _ = quad(lambda h: profile(h) * h ** (5 / 6), 0, 1e5, limit=500, points=[100, 1e4])
    assert turbulence_moment(5 / 6) == pytest.approx(by_steps, rel=1e-6)
    assert 5e3 < SCALE_HEIGHT_M < 15e3


def test_scintillation_grows_towards_the_horizon_and_a_large_telescope_averages_it() -> None:
    elevations = np.array([90.0, 45.0, 20.0, 10.0])
    point = scintillation(LIGHT_M, 0.0, elevations)
    telescope = scintillation(LIGHT_M, 1.0, elevations)
    assert (np.diff(point) > 0).all()
    assert (np.diff(telescope) > 0).all()
    assert 0.03 < point[0] < 0.15  # weak at the zenith, saturating towards the horizon
    assert point[-1] < 1.5
    assert (telescope < point / 20).all()
    assert (interleaved(point, LIGHT_M) < np.sqrt(point) / 5).all()
    assert scintillation(LIGHT_M, 0.0, elevations, 0.0).max() == 0


def test_below_its_cap_a_link_has_its_designed_margin_and_at_its_cap_more() -> None:
    ranges_km = np.array([10e6, 53e6, 226e6, 390e6])
    margins = margin_db(DSOC, HALE, ranges_km)
    assert margins[2:] == pytest.approx(3.0)
    assert margins[0] > margins[1] > 3.0
    losses = frame_loss(DSOC, HALE, ranges_km)
    assert losses[2] == pytest.approx(losses[3])
    assert losses[0] < 1e-12 < losses[2] < 1e-4


@pytest.mark.parametrize("background_w", [0.0, 1e-13, 1e-11])
def test_margin_is_bought_with_rate_and_the_rate_is_back_without_it(background_w: float) -> None:
    far = np.array([390e6])
    night = replace(HALE, background_w=background_w)
    bold = replace(night, margin_db=0.0)
    careful = replace(night, margin_db=6.0)
    rates = [rate_bps(DSOC, end, far)[0] for end in (bold, night, careful)]
    losses = [frame_loss(DSOC, end, far)[0] for end in (bold, night, careful)]
    assert rates[0] > rates[1] > rates[2] > 0
    assert losses[0] > 0.35 > losses[1] > losses[2]
    assert margin_db(DSOC, careful, far) == pytest.approx(6.0)
    # half the power at half the margin is the same rate
    half = replace(DSOC, power_w=DSOC.power_w / 2)
    less = replace(night, margin_db=6.0 - 10 * np.log10(2))
    assert rate_bps(half, less, far)[0] == pytest.approx(rates[2])


def test_a_link_that_is_known_by_its_rates_only_loses_nothing() -> None:
    starlink, dish = PRESETS["inter-satellite"], PRESETS["x-band-ground"]
    near = np.array([1000.0, 5000.0])
    assert frame_loss(starlink, starlink, near).max() == 0
    assert frame_loss(dish, PRESETS["x-band-flight"], near * 1000).max() == 0


def test_low_over_the_horizon_more_is_lost() -> None:
    far = np.full(3, 390e6)
    small = replace(STATION, aperture_m=0.05)  # averages little
    at = Air(receiver_deg=np.array([80.0, 40.0, 10.0]))
    losses = frame_loss(DSOC, small, far, at)
    assert losses[0] < losses[1] < losses[2]


def test_the_planner_samples_the_loss_so_that_the_lines_between_are_right() -> None:
    # it recedes from where the cap leaves margin to where it does not
    ground = PlannedNode(
        name="ground",
        path=Circle(6378.0, 86_164.0, span_s=SPAN, body="earth"),
        terminals=(STATION,),
        mask=10.0,
        gateway=True,
    )
    path = Straight((11e6, 0.0, 0.0), (100.0, 0.0, 0.0), span_s=SPAN)
    craft = PlannedNode(name="craft", path=path, terminals=(DSOC,))
    options = PlanOptions(deep_session_s=30_000.0)
    plan = plan_contacts([ground, craft], Surroundings(), 86_400.0, options=options)
    downs = [c for c in plan.contacts if c.source == "craft" and isinstance(c.frame_loss, tuple)]
    down = max(downs, key=lambda c: c.frame_loss_at(c.end_s) / c.frame_loss_at(c.start_s))
    t_s = np.linspace(down.start_s, down.end_s, 301)
    ends = End(path=path), End(path=ground.path, mask=10.0)
    range_km = np.array([down.owlt_at(t) for t in t_s]) * SPEED_OF_LIGHT_KM_S
    exact = frame_loss(DSOC, STATION, range_km, air_around(ends, t_s, None))
    planned = [down.frame_loss_at(t) for t in t_s]
    assert max(planned) > 5 * min(planned) > 0
    assert planned == pytest.approx(exact, abs=0.02 * exact.max())


def test_between_the_earth_and_the_moon_caps_leave_so_much_margin_that_nothing_is_lost() -> None:
    ground = PlannedNode(
        name="ground",
        path=Circle(6378.0, 86_164.0, span_s=SPAN, body="earth"),
        terminals=(STATION,),
        gateway=True,
    )
    moon = PlannedNode(
        name="moon",
        path=Straight((4e5, 0.0, 0.0), span_s=SPAN),
        terminals=(PRESETS["lunar"],),
    )
    plan = plan_contacts([ground, moon], Surroundings(), 86_400.0)
    assert plan.contacts
    assert {c.frame_loss for c in plan.contacts} == {0.0}
