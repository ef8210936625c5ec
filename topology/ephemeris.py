"""The sky over one scenario: an ephemeris, JPL's DE421 as shipped with the package or the user's own, and the clocks.

Kernels (`topology/kernels`): an excerpt of de421.bsp for 2026 to 2036, the lunar orientation of
DE421 and its frames, or other files (`topology.kernel_set`); nothing is downloaded. They are read into memory and
their files closed. Time
is TDB seconds from the scenario's start, so that light times are TDB seconds too; UTC appears at
the edges, here (`Sky.seconds`, `Sky.utc`): a difference of two UTC dates is off by at most 3.4 ms,
and by the leap seconds there may be.

Outside its years the excerpt would extrapolate without a word, so a scenario that leaves them is
refused. An hour of margin at both ends, longer than light takes from Jupiter (54 minutes at most),
lies inside the kernel's own records.
"""

from __future__ import annotations

import importlib.util
from collections import deque
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Final, Self

import numpy as np
from skyfield.api import load

from dtn.errors import BadInput, Fault, InvalidValue
from topology.bodies import body_named
from topology.constants import DAY_S
from topology.kernel_set import SHIPPED, SHIPPED_FOLDER, SPARE_S, KernelSet, LunarFrames
from topology.orientation import (
    EarthOrientation,
    Epochs,
    MarsOrientation,
    MoonOrientation,
    Orientation,
)
from topology.paths import FloatArray, State

KERNELS: Final = SHIPPED_FOLDER
FIRST_UTC: Final = SHIPPED.covered()[0]
LAST_UTC: Final = SHIPPED.covered()[1]
LIGHT_TIME_MARGIN_S: Final = SPARE_S
WORTH_REMEMBERING: Final = 500
REMEMBERED_GRIDS: Final = 16
HAS_NUMBA: Final = importlib.util.find_spec("numba") is not None


class BodyPath:
    """The path of a body's centre, straight from the ephemeris."""

    def __init__(self, sky: Sky, name: str) -> None:
        self._sky = sky
        self.name = name
        self._segments = body_named(name).segments

    @property
    def span_s(self) -> tuple[float, float]:
        """All of the kernel, in seconds from the scenario's start."""
        return self._sky.kernel_span_s

    @property
    def body(self) -> str | None:
        """None: a centre stands on no surface."""
        return None

    def state(self, t_s: FloatArray) -> State:
        """Position and velocity of the body's centre."""
        return self._sky.segment_state(self._segments, t_s)

    def up(self, t_s: FloatArray) -> FloatArray | None:
        """None: a centre has no horizon."""
        return None

    def horizon_axes(self, t_s: FloatArray) -> FloatArray | None:
        """None: a centre has no horizon."""
        return None


class Sky:
    """The ephemerides and clocks over one scenario.

    Args:
        start: the scenario's start, an aware datetime.
        duration_s: its length.
        kernels: the ephemeris.
        compiled: whether paths are integrated by numba: a hundred times as fast, but 80 MB to load.

    Attributes:
        covered_utc: the dates between which scenarios may lie.
        start_utc: the scenario's start.
        duration_s: its length.
        span_s: the scenario with an hour of margin, where orientations and sites are known.
        kernel_span_s: where bodies are known.
        epochs: skyfield's times of seconds from the start.

    Raises:
        BadInput: the start has no time zone, the duration is not positive, or the kernels do not
            cover them.
        InvalidValue: kernels of the user's that cannot be used.
    """

    def __init__(
        self,
        start: datetime,
        duration_s: float,
        kernels: KernelSet = SHIPPED,
        *,
        compiled: bool = HAS_NUMBA,
    ) -> None:
        self.compiled = compiled
        self.covered_utc = kernels.covered()
        _check_span(start, duration_s, self.covered_utc)
        timescale = load.timescale(builtin=True)
        begin = timescale.from_datetime(start)
        self.start_utc = start.astimezone(UTC)
        self.duration_s = duration_s
        self.span_s = (-LIGHT_TIME_MARGIN_S, duration_s + LIGHT_TIME_MARGIN_S)
        self.epochs = Epochs(timescale, float(begin.whole), float(begin.tdb_fraction))
        self._kernels = kernels
        self._spk = kernels.open_ephemeris()
        self._lunar: LunarFrames | None = None
        first_utc, last_utc = self.covered_utc
        self.kernel_span_s = (
            self.seconds(first_utc) - LIGHT_TIME_MARGIN_S,
            self.seconds(last_utc) + LIGHT_TIME_MARGIN_S,
        )
        self._orientations: dict[str, Orientation] = {}
        self._recent: deque[tuple[tuple[tuple[int, int], ...], FloatArray, State]] = deque(
            maxlen=REMEMBERED_GRIDS
        )

    def close(self) -> None:
        """Let the kernels go. Their files were closed when they had been read."""
        self._recent.clear()
        self._spk.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def seconds(self, utc: datetime) -> float:
        """TDB seconds from the scenario's start to an aware datetime."""
        time = self.epochs.timescale.from_datetime(utc)
        days = (float(time.whole) - self.epochs.whole_jd) + (
            float(time.tdb_fraction) - self.epochs.fraction_jd
        )
        return days * DAY_S

    def utc(self, t_s: float) -> datetime:
        """The UTC date t_s after the scenario's start, to the microsecond."""
        guess = self.start_utc + timedelta(seconds=t_s)
        return guess + timedelta(seconds=t_s - self.seconds(guess))

    def body(self, name: str) -> BodyPath:
        """The path of the centre of a body: "sun", "earth", "moon", "mars", "venus", "jupiter"...

        Raises:
            InvalidValue: no such body.
        """
        return BodyPath(self, name)

    def orientation(self, name: str) -> Orientation:
        """How the Earth, the Moon or Mars is turned, inside the scenario's span and its margin.

        "moon" means the mean-Earth axes of maps and sites; "moon-principal" the axes of inertia, in
        which the gravity field is written.

        Raises:
            InvalidValue: the orientation of that body is not known.
        """
        known = self._orientations.get(name)
        if known is None:
            known = self._orientations[name] = self._make_orientation(name)
        return known

    def segment_state(self, segments: tuple[tuple[int, int], ...], t_s: FloatArray) -> State:
        """The sum of ephemeris segments, shape (3, N): for bodies and their like.

        Raises:
            InvalidValue: an epoch lies outside the kernel, which would extrapolate without a word.
        """
        t_s = np.atleast_1d(np.asarray(t_s, dtype=np.float64))
        first_s, last_s = self.kernel_span_s
        if t_s.size and not (t_s.min() >= first_s and t_s.max() <= last_s):
            at = float(t_s.min() if not t_s.min() >= first_s else t_s.max())
            raise InvalidValue(
                "t_s",
                at,
                "the ephemeris covers {:%Y-%m-%d} to {:%Y-%m-%d}".format(*self.covered_utc),
            )
        if t_s.size < WORTH_REMEMBERING:
            return self._computed(segments, t_s)
        # nodes are sampled on the same grids, and most of them stand on or go round the same bodies
        for known, grid_s, state in self._recent:
            if known == segments and np.array_equal(grid_s, t_s):
                return State(state.position_km.copy(), state.velocity_km_s.copy())
        state = self._computed(segments, t_s)
        self._recent.append((segments, t_s.copy(), state))
        return State(state.position_km.copy(), state.velocity_km_s.copy())

    def _computed(self, segments: tuple[tuple[int, int], ...], t_s: FloatArray) -> State:
        position = np.zeros((3, t_s.size))
        velocity = np.zeros((3, t_s.size))
        fraction = self.epochs.fraction_jd + t_s / DAY_S
        for pair in segments:
            offset, rate = self._spk[pair].compute_and_differentiate(self.epochs.whole_jd, fraction)
            position += offset
            velocity += rate
        return State(position, velocity / DAY_S)

    def _make_orientation(self, name: str) -> Orientation:
        match name:
            case "earth":
                return EarthOrientation(self.epochs, self.span_s)
            case "moon":
                return MoonOrientation(self.epochs, self._lunar_frames().mean_earth)
            case "moon-principal":
                return MoonOrientation(self.epochs, self._lunar_frames().principal)
            case "mars":
                return MarsOrientation(self.epochs)
            case _:
                raise InvalidValue("body", name, "sites stand on one of: earth, moon, mars")

    def _lunar_frames(self) -> LunarFrames:
        if self._lunar is None:
            self._lunar = self._kernels.lunar_frames()
        return self._lunar


def _check_span(start: datetime, duration_s: float, covered_utc: tuple[datetime, datetime]) -> None:
    """Refuse a scenario that leaves the kernels."""
    if start.tzinfo is None:
        mend = "say the time zone: write Z for UTC, as in 2026-12-01T00:00:00Z"
        raise BadInput(Fault("", "start", start.isoformat(), mend))
    if not (np.isfinite(duration_s) and duration_s > 0):
        raise BadInput(Fault("", "duration", f"{duration_s:g} s", "must be longer than nothing"))
    first_utc, last_utc = covered_utc
    covered = f"the ephemeris covers {first_utc:%Y-%m-%d} to {last_utc:%Y-%m-%d}"
    if not first_utc <= start < last_utc:
        mend = f"{covered}: choose a start inside"
        raise BadInput(Fault("", "start", start.isoformat(), mend))
    room_s = (last_utc - start).total_seconds()
    if duration_s > room_s:
        mend = f"{covered}: from this start at most {room_s / DAY_S:.6g} d are left"
        raise BadInput(Fault("", "duration", f"{duration_s / DAY_S:.6g} d", mend))
