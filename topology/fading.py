"""Fading of a laser link: how likely it is that a whole interleaver's worth of it is lost.

A link is designed with a margin: it sends slower than its mean power would allow. Power that fades by more than
the margin takes the codewords of that moment with it. Two things fade here:

- scintillation, where an end stands in the Earth's air: lognormal, by elevation, wavelength and turbulence. A large
  telescope averages it over its aperture, an interleaver over its depth, which is many times the millisecond that a
  speckle of light takes to drift by; what is left of the variance is that of the mean of so many.
- pointing jitter: an error of Gaussian components, independent in two axes, in a Gaussian beam, so that -ln of
  the power is exponential. It is slow beside an interleaver, and nothing averages it.

So the power is a lognormal times a power of a uniform variable, and the chance that it is under the threshold is the
distribution function of a normal minus an exponential variable: closed form, no sampling.

Left out: beam wander of an uplink, an unsteady mean (haze, thin cloud), codewords lost above the threshold. Not for the
Martian air, which is too thin for it.

Sources: Hufnagel-Valley profile 5/7, plane-wave Rytov variance and its saturation: Andrews and Phillips, Laser Beam
Propagation through Random Media, 2005. Aperture averaging: Yura and McKinley, Applied Optics 22 (1983) 3353. Pointing:
"Fading statistics for intersatellite optical communication", Applied Optics: with 3 dB of margin the jitter has to be
under 7 % of the full beam width (0.11 wavelengths over aperture) for less than a fade a year.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from scipy.special import log_ndtr, ndtr

from dtn.contact_plan.contact import FADE_S
from topology.paths import FloatArray

BEAM_RADIUS: Final = 0.82
"""Where a beam is down to 1/e^2 of its middle, in wavelengths over aperture (of an Airy pattern)."""

_WIND_M_S = 21.0
_LAYERS = (
    # of the Hufnagel-Valley profile 5/7: strength, power of the height, scale height in metres
    (0.00594 * (_WIND_M_S / 27) ** 2 * 1e-50, 10, 1000.0),
    (2.7e-16, 0, 1500.0),
    (1.7e-14, 0, 100.0),
)


def turbulence_moment(power: float) -> float:
    """Integral of Cn^2(h) h^power over height, metres^(power + 1/3), of the profile 5/7."""
    return math.fsum(
        strength * scale_m ** (power + n + 1) * math.gamma(power + n + 1)
        for strength, n, scale_m in _LAYERS
    )


SCALE_HEIGHT_M: Final = (turbulence_moment(2.0) / turbulence_moment(5 / 6)) ** (6 / 7)
"""Of the turbulence that makes light scintillate."""


def air_mass(elevation_deg: FloatArray) -> FloatArray:
    """How much air a ray goes through, in that of the zenith. Source: Kasten and Young, Appl. Optics 28 (1989) 4735."""
    above = np.maximum(elevation_deg, 0.0)
    mass: FloatArray = 1 / (np.sin(np.radians(above)) + 0.50572 * (above + 6.07995) ** -1.6364)
    return mass


def scintillation(
    wavelength_m: float, aperture_m: float, elevation_deg: FloatArray, turbulence: float = 1.0
) -> FloatArray:
    """Variance of the received power over the square of its mean, shape (N,), without interleaver.

    Args:
        wavelength_m: of the light.
        aperture_m: of the receiver, if it is the one on the ground; 0: it is in space, a point in the pattern.
        elevation_deg: at which the end on the ground looks through the air, shape (N,).
        turbulence: strength of it, 1 = Hufnagel-Valley 5/7.
    """
    slant = air_mass(elevation_deg)
    wavenumber = 2 * math.pi / wavelength_m
    weak = 2.25 * wavenumber ** (7 / 6) * turbulence_moment(5 / 6) * turbulence
    rytov = weak * slant ** (11 / 6)
    near = 0.49 * rytov / (1 + 1.11 * rytov ** (6 / 5)) ** (7 / 6)
    far = 0.51 * rytov / (1 + 0.69 * rytov ** (6 / 5)) ** (5 / 6)
    speckles = aperture_m**2 / (wavelength_m * SCALE_HEIGHT_M * slant)
    averaged: FloatArray = np.expm1(near + far) / (1 + 1.1 * speckles ** (7 / 6))
    return averaged


def interleaved(variance: FloatArray, wavelength_m: float) -> FloatArray:
    """Standard deviation of the logarithm of the power over one interleaver, shape (N,).

    Args:
        variance: of the power at a moment, over the square of its mean.
        wavelength_m: of the light, for how long a speckle takes to drift by.
    """
    coherence_s = math.sqrt(wavelength_m * SCALE_HEIGHT_M) / _WIND_M_S
    share = min(1.0, coherence_s / FADE_S)
    sigma: FloatArray = np.sqrt(np.log1p(variance * share))
    return sigma


def outage(margin_db: FloatArray, sigma: FloatArray, jitter_beams: float) -> FloatArray:
    """Probability that the power over one interleaver is below the threshold, shape (N,).

    Args:
        margin_db: of the mean power over the threshold, shape (N,).
        sigma: standard deviation of the lognormal part's logarithm, shape (N,) or a number.
        jitter_beams: standard deviation of each axis's pointing, in wavelengths over aperture.
    """
    beta = (BEAM_RADIUS / jitter_beams) ** 2 / 4 if jitter_beams > 1e-6 else math.inf
    mean_of_pointing = 1.0 if beta == math.inf else beta / (beta + 1)
    sigma = np.maximum(sigma, 1e-9)
    # over the median of the lognormal, which is below its mean; over the middle of the beam, above its mean
    depth = np.log(10) * np.asarray(margin_db) / 10 - math.log(mean_of_pointing) - sigma**2 / 2
    lost = ndtr(-depth / sigma)
    if beta < math.inf:
        tail = beta * (beta * sigma**2 / 2 - depth)
        lost = lost + np.exp(tail + log_ndtr((depth - beta * sigma**2) / sigma))
    chance: FloatArray = np.clip(lost, 0.0, 1.0)
    return chance
