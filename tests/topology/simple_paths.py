"""Paths whose light times and shadows are known without any of the code under test."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from topology.paths import FloatArray, Path, State

ALWAYS = (-1e9, 1e9)


@dataclass(frozen=True)
class Straight:
    """A straight line at constant speed; at rest by default."""

    position_km: Sequence[float]
    velocity_km_s: Sequence[float] = (0.0, 0.0, 0.0)
    span_s: tuple[float, float] = ALWAYS
    body: str | None = None

    def state(self, t_s: FloatArray) -> State:
        velocity = np.outer(self.velocity_km_s, np.ones_like(t_s))
        return State(np.reshape(self.position_km, (3, 1)) + velocity * t_s, velocity)

    def up(self, t_s: FloatArray) -> FloatArray | None:
        return None

    def horizon_axes(self, t_s: FloatArray) -> FloatArray | None:
        return None


@dataclass(frozen=True)
class Circle:
    """A circle about a centre that moves on a straight line; a site if it names its body."""

    radius_km: float
    period_s: float
    phase: float = 0.0
    tilt: float = 0.0
    centre: Straight = Straight((0.0, 0.0, 0.0))
    span_s: tuple[float, float] = ALWAYS
    body: str | None = None

    def _axes(self, t_s: FloatArray) -> tuple[FloatArray, FloatArray]:
        angle = self.phase + 2 * math.pi * np.asarray(t_s) / self.period_s
        lean, rise = math.cos(self.tilt), math.sin(self.tilt)
        out = np.array((np.cos(angle), np.sin(angle) * lean, np.sin(angle) * rise))
        along = np.array((-np.sin(angle), np.cos(angle) * lean, np.cos(angle) * rise))
        return out, along

    def state(self, t_s: FloatArray) -> State:
        out, along = self._axes(t_s)
        centre = self.centre.state(t_s)
        speed = 2 * math.pi * self.radius_km / self.period_s
        return State(
            centre.position_km + self.radius_km * out, centre.velocity_km_s + speed * along
        )

    def up(self, t_s: FloatArray) -> FloatArray | None:
        return self._axes(t_s)[0] if self.body else None

    def horizon_axes(self, t_s: FloatArray) -> FloatArray | None:
        if not self.body:
            return None
        out, along = self._axes(t_s)
        return np.array((along, np.cross(out, along, axis=0), out))


@dataclass(frozen=True)
class Backwards:
    """A path with time reversed: where it was at -t, the other way round."""

    of: Path

    @property
    def span_s(self) -> tuple[float, float]:
        first_s, last_s = self.of.span_s
        return -last_s, -first_s

    @property
    def body(self) -> str | None:
        return self.of.body

    def state(self, t_s: FloatArray) -> State:
        state = self.of.state(-t_s)
        return State(state.position_km, -state.velocity_km_s)

    def up(self, t_s: FloatArray) -> FloatArray | None:
        return self.of.up(-t_s)

    def horizon_axes(self, t_s: FloatArray) -> FloatArray | None:
        return self.of.horizon_axes(-t_s)
