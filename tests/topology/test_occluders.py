"""Every body of the sky hides what is behind it, and those that are far away are left alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np
import pytest

from tests.topology.simple_paths import Straight
from topology.bodies import body_named
from topology.ephemeris import Sky
from topology.network import OCCLUDERS, surroundings
from topology.track import track
from topology.visibility import End, Surroundings
from topology.windows import windows

SPAN_S = 1800.0


@pytest.fixture(scope="module")
def sky() -> Iterator[Sky]:
    with Sky(datetime(2026, 12, 1, tzinfo=UTC), SPAN_S) as sky:
        yield sky


@pytest.fixture(scope="module")
def around(sky: Sky) -> Surroundings:
    return surroundings(sky, *sky.span_s)


@pytest.mark.parametrize("name", OCCLUDERS)
@pytest.mark.parametrize(("aside_radii", "opened"), [(0.95, False), (1.05, True)])
def test_a_body_hides_what_is_behind_it(
    sky: Sky, around: Surroundings, name: str, aside_radii: float, opened: bool
) -> None:
    """Two craft fly beside the body, one before it and one behind."""
    centre, speed = (part[:, 0] for part in sky.body(name).state(np.array([SPAN_S / 2])))
    radius_km = body_named(name).radius_km
    across = np.cross(speed, (0.0, 0.0, 1.0))
    across /= np.linalg.norm(across)
    ends = [
        End(
            path=track(
                Straight(
                    tuple(
                        centre
                        - speed * SPAN_S / 2
                        + side * 3.0 * radius_km * across
                        + np.array([0.0, 0.0, aside_radii * radius_km])
                    ),
                    tuple(speed),
                    span_s=sky.span_s,
                ),
                *sky.span_s,
            )
        )
        for side in (-1.0, 1.0)
    ]
    seen = windows(ends[0], ends[1], around, 0.0, SPAN_S)
    assert seen == ([(0.0, SPAN_S)] if opened else [])
