"""Which ephemeris: three files of NAIF's that belong together, those that ship with the package or the user's own.

An ephemeris (SPK) says where bodies are, a lunar orientation (binary PCK) how the Moon is turned, frame definitions
(text) what the axes of the latter are called. They belong together: DE421's Moon turned as DE440's would be some metres
off, and bodies of two ephemerides differ by 100 km of common offset. Nothing is downloaded: who has DE440 on disk
(`de440s.bsp`, `moon_pa_de440_200625.bpc`, `moon_de440_220930.tf`) names the files.

A file that is not what it should be, misses a body, or belongs to another ephemeris is refused with its name. Masses
stay those of DE421 (`topology.constants`): DE440's differ by 1e-8 at most where orbits are concerned.
"""

from __future__ import annotations

import io
import re
import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path as FilePath
from typing import Final, NamedTuple

from jplephem.daf import DAF
from jplephem.pck import PCK
from jplephem.spk import SPK
from skyfield.api import PlanetaryConstants
from skyfield.planetarylib import Frame

from dtn.errors import InvalidValue
from topology.bodies import BODIES
from topology.constants import DAY_S, J2000_TDB_JD

SHIPPED_FOLDER: Final = FilePath(__file__).parent / "kernels"
SPARE_S: Final = 3600.0
"""Kept free at both ends of a file: longer than light takes from Jupiter (54 minutes at most)."""

_TYPES = (2, 3)
_TDB_MINUS_UTC = timedelta(seconds=69.2)  # from 2017 on


class LunarFrames(NamedTuple):
    """The Moon's axes: of maps and sites, and of inertia."""

    mean_earth: Frame
    principal: Frame


@dataclass(frozen=True, slots=True)
class KernelSet:
    """Three files that belong together.

    Args:
        ephemeris: an SPK file with all of `topology.bodies`, Chebyshev polynomials.
        moon_orientation: a binary PCK file.
        moon_frames: a text file that defines the Moon's principal and mean-Earth axes.
    """

    ephemeris: FilePath
    moon_orientation: FilePath
    moon_frames: FilePath

    def open_ephemeris(self) -> SPK:
        """The ephemeris, read into memory: the caller closes it.

        Raises:
            InvalidValue: it cannot be read, or a body is missing.
        """
        try:
            kernel = SPK(DAF(io.BytesIO(_octets("ephemeris", self.ephemeris))))
        except (ValueError, IndexError, struct.error) as fault:
            raise InvalidValue(
                "ephemeris", self.ephemeris.name, f"is no SPK file: {fault}"
            ) from None
        needed = {pair for body in BODIES.values() for pair in body.segments}
        for pair in sorted(needed):
            found = [s for s in kernel.segments if (s.center, s.target) == pair]
            if not found or found[0].data_type not in _TYPES:
                mend = (
                    f"has no polynomials for {pair[1]} about {pair[0]}: take one of JPL's DE files"
                )
                raise InvalidValue("ephemeris", self.ephemeris.name, mend)
        return kernel

    def lunar_frames(self) -> LunarFrames:
        """The Moon's axes, by skyfield.

        Raises:
            InvalidValue: a file cannot be read, or the three do not belong together.
        """
        octets = _octets("moon_orientation", self.moon_orientation)
        definitions = _octets("moon_frames", self.moon_frames)
        try:
            number = PCK(DAF(io.BytesIO(octets))).segments[0].body
        except (ValueError, IndexError, struct.error) as fault:
            mend = f"is no binary PCK file: {fault}"
            raise InvalidValue("moon_orientation", self.moon_orientation.name, mend) from None
        text = definitions.decode("ascii", errors="replace")
        names = re.findall(rf"FRAME_{number}_NAME\s*=\s*'(MOON_PA_\w+)'", text)
        turned = [
            name
            for key in (
                re.findall(rf"TKFRAME_(\d+)_RELATIVE\s*=\s*'{names[0]}'", text) if names else ()
            )
            for name in re.findall(rf"FRAME_{key}_NAME\s*=\s*'(MOON_ME_\w+)'", text)
        ]
        if not turned:
            mend = f"does not define the axes {number} of {self.moon_orientation.name}: take the file that goes with it"
            raise InvalidValue("moon_frames", self.moon_frames.name, mend)
        self._refuse_other_ephemeris(names[0])
        frames = PlanetaryConstants()
        frames.read_text(io.BytesIO(definitions))
        frames.read_binary(io.BytesIO(octets))
        return LunarFrames(*(frames.build_frame_named(name) for name in (turned[0], names[0])))

    def covered(self) -> tuple[datetime, datetime]:
        """The UTC dates between which a scenario may lie: where all bodies and the Moon's orientation are known.

        Raises:
            InvalidValue: as `open_ephemeris` and `lunar_frames`.
        """
        if self == SHIPPED:
            return datetime(2026, 1, 1, tzinfo=UTC), datetime(2037, 1, 1, tzinfo=UTC)
        kernel = self.open_ephemeris()
        needed = {pair for body in BODIES.values() for pair in body.segments}
        spans = [(s.start_jd, s.end_jd) for s in kernel.segments if (s.center, s.target) in needed]
        kernel.close()
        self.lunar_frames()
        turned = PCK(DAF(io.BytesIO(self.moon_orientation.read_bytes()))).segments
        spans += [(_jd(s.initial_second), _jd(s.final_second)) for s in turned]
        first_jd, last_jd = max(a for a, _ in spans), min(b for _, b in spans)
        spare = timedelta(seconds=SPARE_S)
        return _utc(first_jd) + spare, _utc(last_jd) - spare

    def _refuse_other_ephemeris(self, frame: str) -> None:
        kernel = self.open_ephemeris()
        source = kernel.segments[0].source.decode("ascii", errors="replace")
        kernel.close()
        ours, theirs = (re.search(r"DE-?0*(\d+)", text) for text in (source, frame))
        if ours and theirs and ours[1] != theirs[1]:
            mend = (
                f"turns the Moon of DE{theirs[1]}, but {self.ephemeris.name} is DE{ours[1]}:"
                f" take the lunar orientation of DE{ours[1]}"
            )
            raise InvalidValue("moon_orientation", self.moon_orientation.name, mend)


SHIPPED: Final = KernelSet(
    SHIPPED_FOLDER / "de421_2026_2036.bsp",
    SHIPPED_FOLDER / "moon_pa_de421_1900-2050.bpc",
    SHIPPED_FOLDER / "moon_080317.tf",
)


def _octets(key: str, file: FilePath) -> bytes:
    try:
        return file.read_bytes()
    except OSError as fault:
        raise InvalidValue(key, file.name, f"cannot be read: {fault.strerror}") from None


def _jd(seconds: float) -> float:
    return J2000_TDB_JD + seconds / DAY_S


def _utc(tdb_jd: float) -> datetime:
    """The UTC date, to a second; years from 1 to 9999."""
    days = min(max(tdb_jd - J2000_TDB_JD, -730_000.0), 2_920_000.0)
    j2000 = datetime(2000, 1, 1, 12, tzinfo=UTC)
    return j2000 + timedelta(days=days) - _TDB_MINUS_UTC
