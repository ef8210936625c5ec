"""Paths from SPK files of the user's: JPL's binary format for ephemerides, as mission kernels come.

Read with jplephem, which knows Chebyshev segments (types 2 and 3). The file is read into memory and closed.
Refused: files that are no SPK, targets that are not in it, other types, a span that does not cover the scenario.
"""

from __future__ import annotations

import io
from pathlib import Path as FilePath

import numpy as np
from jplephem.daf import DAF
from jplephem.spk import SPK

from dtn.errors import InvalidValue
from topology.bodies import body_named
from topology.constants import DAY_S
from topology.ephemeris import Sky
from topology.paths import FloatArray, State

_BODIES = {
    10: "sun",
    1: "mercury",
    2: "venus",
    399: "earth",
    301: "moon",
    4: "mars",
    499: "mars",
    5: "jupiter",
    6: "saturn",
}
CENTRES = {
    0: (),
    3: ((0, 3),),
    **{number: body_named(name).segments for number, name in _BODIES.items()},
}
"""Segments of the ephemeris to the centres that are known here, by NAIF's numbers."""


class SpkPath:
    """The path of one target of an SPK file.

    Args:
        sky: the ephemerides; the file must cover its duration.
        file: the SPK file.
        target: NAIF's number of the object.

    Raises:
        InvalidValue: see the module.
    """

    def __init__(self, sky: Sky, file: FilePath, target: int) -> None:
        try:
            kernel = SPK(DAF(io.BytesIO(file.read_bytes())))
        except OSError as fault:
            raise InvalidValue("spk.file", file, f"cannot be read: {fault.strerror}") from None
        except (ValueError, IndexError) as fault:
            raise InvalidValue("spk.file", file, f"is no SPK file: {fault}") from None
        self._sky = sky
        self._segments = [s for s in kernel.segments if s.target == target]
        if not self._segments:
            known = ", ".join(sorted({str(s.target) for s in kernel.segments}))
            raise InvalidValue("spk.target", target, f"is not in the file; there are: {known}")
        for segment in self._segments:
            if segment.data_type not in (2, 3):
                mend = f"type {segment.data_type} is not read: make it of type 3, or write an OEM"
                raise InvalidValue("spk.file", file, mend)
            if segment.center not in CENTRES:
                known = ", ".join(map(str, CENTRES))
                mend = f"is about {segment.center}; the centre must be one of: {known}"
                raise InvalidValue("spk.target", target, mend)
        self._segments.sort(key=lambda segment: segment.start_jd)
        start_jd = sky.epochs.whole_jd + sky.epochs.fraction_jd
        self._span_s = (
            (self._segments[0].start_jd - start_jd) * DAY_S,
            (self._segments[-1].end_jd - start_jd) * DAY_S,
        )
        ends = [
            (a.end_jd, b.start_jd) for a, b in zip(self._segments, self._segments[1:], strict=False)
        ]
        has_gap = any(start > end + 1e-9 for end, start in ends)
        if self._span_s[0] > 0 or self._span_s[1] < sky.duration_s or has_gap:
            first, last = (f"{sky.utc(t_s):%Y-%m-%d}" for t_s in self._span_s)
            mend = f"covers {first} to {last}{', with a gap' if has_gap else ''}: not all of the scenario"
            raise InvalidValue("spk.file", file, mend)

    @property
    def span_s(self) -> tuple[float, float]:
        """What the file covers."""
        return self._span_s

    @property
    def body(self) -> str | None:
        """None: a spacecraft stands on no surface."""
        return None

    def state(self, t_s: FloatArray) -> State:
        """Position and velocity about the solar-system barycentre."""
        t_s = np.atleast_1d(np.asarray(t_s, dtype=np.float64))
        position, velocity = np.empty((3, t_s.size)), np.empty((3, t_s.size))
        whole_jd = self._sky.epochs.whole_jd
        fraction = self._sky.epochs.fraction_jd + t_s / DAY_S
        starts = np.array([segment.start_jd for segment in self._segments])
        of = np.maximum(np.searchsorted(starts, whole_jd + fraction, side="right") - 1, 0)
        for place in np.unique(of):
            here = of == place
            segment = self._segments[place]
            offset, rate = segment.compute_and_differentiate(whole_jd, fraction[here])
            position[:, here], velocity[:, here] = offset[:3], rate[:3] / DAY_S
            centre = CENTRES[segment.center]
            if centre:
                about = self._sky.segment_state(centre, t_s[here])
                position[:, here] += about.position_km
                velocity[:, here] += about.velocity_km_s
        return State(position, velocity)

    def up(self, t_s: FloatArray) -> FloatArray | None:
        """None: a spacecraft has no horizon."""
        return None

    def horizon_axes(self, t_s: FloatArray) -> FloatArray | None:
        """None: a spacecraft has no horizon."""
        return None
