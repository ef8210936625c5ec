"""The highest honest rate: the least light time over the error of this machine's timers."""

from __future__ import annotations

import pytest

from dtn.contact_plan import Contact, ContactPlan
from emulator.constellation.honesty import doubt_pace, honest_pace, timer_errors
from emulator.doubts import Doubt

MOON = Contact("teide", "base", 0.0, 100.0, 1e6, (1.30, 1.28, 1.31))
MARS = Contact("teide", "orbiter", 0.0, 100.0, 1e6, 400.0)


def test_the_least_light_time_of_any_contact_decides() -> None:
    pace = honest_pace(ContactPlan([MARS, MOON]), 0.01)
    assert pace is not None
    assert pace.rate == pytest.approx(128.0)
    assert pace.link == ("teide", "base")
    assert str(pace).startswith("honest up to --rate 128: light from teide to base takes 1.28 s")
    assert honest_pace(ContactPlan([]), 0.01) is None


@pytest.mark.parametrize("rate", [1.0, 127.0, float("inf")])
def test_a_rate_that_can_be_kept_is_no_matter(rate: float) -> None:
    doubt_pace(honest_pace(ContactPlan([MOON]), 0.01), rate)


def test_a_higher_one_is_a_doubt_with_what_it_costs() -> None:
    with pytest.warns(Doubt, match=r"rate 256 is more .* late, here by 1\.3 s"):
        doubt_pace(honest_pace(ContactPlan([MOON]), 0.01), 256.0)


def test_timers_are_measured_one_a_millisecond() -> None:
    errors = timer_errors(0.05)
    assert errors.count == 50
    assert 0 <= errors.quantile_s(0.5) <= errors.quantile_s(0.99) <= errors.max_s
