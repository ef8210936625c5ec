"""Frozen orbits for relays: an ellipse about the Moon that keeps its shape, and an areosynchronous one about Mars.

`python -m topology.frozen_orbit [DATE]` prints the states that scenarios use, so that they can be made again.

On a high lunar orbit the Earth's pull turns and deforms the ellipse, save where the changes of eccentricity and
argument of perilune vanish together: argument of perilune 90 degrees and e^2 = 1 - 5/3 cos^2 i, in axes whose z is the
normal of the *Moon's orbit about the Earth* (Ely, "Stable constellations of frozen elliptical inclined lunar orbits",
J. Astronautical Sciences 53, 2005). With e = 0.6 that gives 51.7 degrees; the tilt of the Moon's equator to its orbit
(6.6 degrees), its gravity field and the eccentricity of its orbit move the best place to about 54 degrees, found by
integration: over 60 days from 2026-12-01 the eccentricity stays within 0.596-0.620, the argument of perilune within
88.2-91.5 degrees. The perilune lies over the north, so a relay spends three quarters of its 12 h more than 5
degrees above the horizon of the south pole; of two half a period apart one always stands above 37 degrees.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np

from topology.constants import DAY_S, GM_MARS_KM3_S2, GM_MOON_KM3_S2
from topology.dynamics import Trajectory
from topology.ephemeris import Sky
from topology.orbits import orbit_from_state, state_from_elements
from topology.paths import FloatArray

PERIOD_S = 43_200.0
ECCENTRICITY = 0.6
INCLINATION_DEG = 54.0  # to the plane of the Moon's orbit
ASCENDING_NODE_DEG = 180.0  # from where the orbit's plane rises through the Moon's equator
ARGUMENT_OF_PERILUNE_DEG = 90.0
MARS_DAY_S = 88_642.663  # sidereal, IAU: 360 / 350.891982 deg/d
MARS_INCLINATION_DEG = 2.0


class BodyState(NamedTuple):
    """A state about a body's centre, axes of the ICRF: what a scenario's `orbit` table holds."""

    position_km: FloatArray
    velocity_km_s: FloatArray


def orbit_plane_axes(sky: Sky, t_s: float) -> FloatArray:
    """Axes of the Moon's orbit about the Earth, rows of a (3, 3) array in ICRF axes.

    z is the orbit's normal; x lies in both the orbit's and the Moon's equator's plane.
    """
    at = np.array([t_s])
    earth, moon = sky.body("earth").state(at), sky.body("moon").state(at)
    position = (moon.position_km - earth.position_km)[:, 0]
    velocity = (moon.velocity_km_s - earth.velocity_km_s)[:, 0]
    normal = np.cross(position, velocity)
    normal /= np.linalg.norm(normal)
    pole = sky.orientation("moon").rotation(at).matrix[2, :, 0]
    node = np.cross(normal, pole)
    node /= np.linalg.norm(node)
    return np.array([node, np.cross(normal, node), normal])


def lunar_relay(
    sky: Sky, mean_anomaly_deg: float, *, period_s: float = PERIOD_S, t_s: float = 0.0
) -> BodyState:
    """The state of a relay on the frozen orbit, t_s after the sky's start."""
    position, velocity = state_from_elements(
        GM_MOON_KM3_S2,
        semi_major_axis_km=float(np.cbrt(GM_MOON_KM3_S2 * (period_s / (2.0 * np.pi)) ** 2)),
        eccentricity=ECCENTRICITY,
        inclination_deg=INCLINATION_DEG,
        ascending_node_deg=ASCENDING_NODE_DEG,
        argument_of_periapsis_deg=ARGUMENT_OF_PERILUNE_DEG,
        mean_anomaly_deg=mean_anomaly_deg,
    )
    axes = orbit_plane_axes(sky, t_s)
    return BodyState(axes.T @ position, axes.T @ velocity)


def lunar_relay_pair(sky: Sky) -> tuple[BodyState, BodyState]:
    """Two relays on the frozen orbit half a period apart, and still so when the sky's span ends.

    The first is at perilune at the start, the second at apolune. Equal osculating periods are not equal mean
    periods, so the second's is mended until their perilunes interlock at the end.
    """
    first = lunar_relay(sky, 0.0)
    last_perilunes = perilunes_s(integrated(sky, first))
    period_s = PERIOD_S
    for _ in range(2):  # two mends leave less than a second at the end of a month
        second = lunar_relay(sky, 180.0, period_s=period_s)
        theirs = perilunes_s(integrated(sky, second))
        count = min(last_perilunes.size - 1, theirs.size)
        # the second's n-th perilune comes half-way between the first's n-th and the one after it
        due_s = 0.5 * (last_perilunes[count - 1] + last_perilunes[count])
        period_s -= (theirs[count - 1] - due_s) / (count - 0.5)
    return first, lunar_relay(sky, 180.0, period_s=period_s)


def integrated(sky: Sky, state: BodyState, body: str = "moon") -> Trajectory:
    """The path of a state that holds at the sky's start."""
    position, velocity = state
    return orbit_from_state(sky, body, sky.start_utc, position.tolist(), velocity.tolist())


def perilunes_s(orbit: Trajectory) -> FloatArray:
    """When the orbit passes its lowest points, from the scenario's start on, to a second."""
    _, end_s = orbit.span_s
    t_s = np.arange(0.0, end_s, 60.0)
    distance = np.linalg.norm(orbit.pieces.state(t_s).position_km, axis=0)
    before, middle, after = distance[:-2], distance[1:-1], distance[2:]
    lowest = np.flatnonzero((middle <= before) & (middle < after))
    bend = before[lowest] - 2.0 * middle[lowest] + after[lowest]
    offset = 0.5 * (before[lowest] - after[lowest]) / bend
    passages: FloatArray = t_s[lowest + 1] + 60.0 * offset
    return np.append(0.0, passages) if distance[0] < distance[1] else passages


def mars_relay(sky: Sky) -> BodyState:
    """A near-circular orbit in step with the rotation of Mars, inclined by 2 degrees to its equator."""
    position, velocity = state_from_elements(
        GM_MARS_KM3_S2,
        semi_major_axis_km=float(np.cbrt(GM_MARS_KM3_S2 * (MARS_DAY_S / (2.0 * np.pi)) ** 2)),
        eccentricity=0.001,
        inclination_deg=MARS_INCLINATION_DEG,
        ascending_node_deg=0.0,
        argument_of_periapsis_deg=0.0,
        mean_anomaly_deg=0.0,
    )
    pole = sky.orientation("mars").rotation(np.array([0.0])).matrix[2, :, 0]
    node = np.cross((0.0, 0.0, 1.0), pole)
    node /= np.linalg.norm(node)
    axes = np.array([node, np.cross(pole, node), pole])
    return BodyState(axes.T @ position, axes.T @ velocity)


def toml(state: BodyState) -> str:
    """The state as lines of a scenario's `orbit` table: to a metre and a millimetre per second."""
    position = ", ".join(f"{x:.3f}" for x in state.position_km)
    velocity = ", ".join(f"{x:.6f}" for x in state.velocity_km_s)
    return f"position_km = [{position}]\nvelocity_km_s = [{velocity}]"


def main() -> None:
    """Print the states of the default scenario's relays, or those for the date given."""
    date = sys.argv[1] if len(sys.argv) > 1 else "2026-12-01"
    with Sky(datetime.fromisoformat(date).replace(tzinfo=UTC), 60 * DAY_S) as sky:
        first, second = lunar_relay_pair(sky)
        for name, state in (("elfo-1", first), ("elfo-2", second), ("mars", mars_relay(sky))):
            print(f"# {name}, {sky.start_utc:%Y-%m-%dT%H:%M:%SZ}\n{toml(state)}")


if __name__ == "__main__":
    main()
