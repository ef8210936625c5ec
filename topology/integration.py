"""Paths integrated under a pull, with DOP853 (Hairer, Norsett and Wanner, order 8).

A month of a low lunar orbit takes 140,000 evaluations of the Moon's field. With numba all of it runs compiled
(`topology.compiled_flight`), a hundred times as fast; without, scipy's DOP853 asks the pull itself. Both take the
same steps by the same formulas and differ by rounding: a millimetre after a month. `Sky.compiled` says which it is, so
that what has run before in a process changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.integrate import DOP853

from dtn.errors import InvalidValue
from topology.dynamics import Pull
from topology.paths import FloatArray
from topology.steps import Steps

_ROOM = 4096  # steps between two looks of Python's


@dataclass(frozen=True, slots=True)
class Tolerances:
    """How finely a path is integrated, per step: relative, and absolute in km and km/s."""

    relative: float = 1e-12
    position_km: float = 1e-7
    velocity_km_s: float = 1e-10


class Integration:
    """A path integrated from one epoch to another, either way, with DOP853.

    Args:
        pull: the force model.
        start_s: epoch of the state given.
        state: position, km, and velocity, km/s, shape (6,).
        end_s: where to stop; before start_s to go back in time.
        tolerances: of each step.
        to_ground: whether to stop after the first step that ends below a surface.
        compiled: whether numba runs it; by default as the pull says.

    Attributes:
        end_s: the last epoch reached.
        end_state: position and velocity then, shape (6,).
        steps: gives the positions in between.

    Raises:
        InvalidValue: the steps become too small.
    """

    def __init__(
        self,
        pull: Pull,
        start_s: float,
        state: FloatArray,
        end_s: float,
        tolerances: Tolerances,
        *,
        to_ground: bool = False,
        compiled: bool | None = None,
    ) -> None:
        flown = _flown_compiled if (pull.compiled if compiled is None else compiled) else _flown
        found = flown(pull, start_s, state, end_s, tolerances, to_ground)
        epochs_s, states, rates = found
        self.end_s = float(epochs_s[-1])
        self.end_state: FloatArray = states[-1]
        order = slice(None, None, 1 if end_s > start_s else -1)
        self.steps = Steps(epochs_s[order], states[order], rates[order])


class _Ends(NamedTuple):
    """Ends of steps: epochs, shape (M,); states there and their rates, shape (M, 6)."""

    epochs_s: FloatArray
    states: FloatArray
    rates: FloatArray


def _flown(
    pull: Pull,
    start_s: float,
    state: FloatArray,
    end_s: float,
    tolerances: Tolerances,
    to_ground: bool,
) -> _Ends:
    # atol may be an array, whatever scipy-stubs say
    absolute: Any = np.repeat([tolerances.position_km, tolerances.velocity_km_s], 3)
    solver = DOP853(pull, start_s, state, end_s, rtol=tolerances.relative, atol=absolute)
    epochs, states, rates = [start_s], [solver.y], [solver.f]
    while solver.status == "running":
        message = solver.step()
        if message is not None:
            raise _stuck(epochs[-1])
        epochs.append(solver.t)
        states.append(solver.y)
        rates.append(solver.f)
        if to_ground and pull.is_below(solver.t, solver.y):
            break
    return _Ends(*map(np.array, (epochs, states, rates)))


def _flown_compiled(
    pull: Pull,
    start_s: float,
    state: FloatArray,
    end_s: float,
    tolerances: Tolerances,
    to_ground: bool,
) -> _Ends:
    from topology.compiled_flight import FULL, STUCK, advance

    numbers = pull.numbers
    if not to_ground:
        numbers = numbers._replace(surfaces=np.empty((0, 2)))
    absolute = np.repeat([tolerances.position_km, tolerances.velocity_km_s], 3)
    parts: list[_Ends] = []
    step_s, why = 0.0, FULL
    while why == FULL:
        room = _Ends(np.empty(_ROOM), np.empty((_ROOM, 6)), np.empty((_ROOM, 6)))
        span = np.array([start_s, end_s])
        each = np.append(absolute, tolerances.relative)
        count, why, step_s = advance(numbers, span, step_s, np.array(state), each, *room)
        first = 1 if parts else 0  # where the part before ended
        parts.append(_Ends(*(one[first:count] for one in room)))
        start_s, state = float(room.epochs_s[count - 1]), room.states[count - 1]
        if why == STUCK:
            raise _stuck(start_s)
    return _Ends(*map(np.concatenate, zip(*parts, strict=True)))


def _stuck(at_s: float) -> InvalidValue:
    return InvalidValue("trajectory", at_s, "cannot be integrated: steps become too small")
