"""The rate between two laser terminals, from both ends' apertures.

    received = power * (pi D_t / lambda)^2 * (lambda / 4 pi R)^2 * (4 pi A_r / lambda^2) * losses
    rate     = min(caps, bits per photon * detector efficiency * received * lambda / (h c) / margin)

Each end has its own power, aperture and detector, so the two directions of a link differ: `rate_bps`
is the rate of one direction.

What is behind the numbers. The product of losses, detector efficiency and bits per photon is ONE constant
fitted to the rates that DSOC flew (4 W and 22 cm on Psyche to the 5.1 m Hale telescope: 267 Mbit/s at 31
and 53 million km, 25 at 226, 8.3 at 390): -7 dB, 3 dB of margin, 0.70, 2. How it divides is an estimate; only
1/R^2 and the cap are independent. The formula is not validated nearer to home: it is 9.6 dB too
generous for LLCD, and 9 dB short for Starlink, whose link budgets are not published. So
every preset has caps, and between the Earth and the Moon it is the caps that count. A table of rates
by range (`rate_table`) replaces the formula where a link is known by its rates only.

A link is designed with `margin_db`, 3 dB by default as usual for optical links; where its caps hold it back, it
has more. `frame_loss` says how likely it is that the power fades by more than that (`topology.fading`): by
scintillation in the air of the Earth, by elevation and aperture, and by the sender's pointing jitter, a tenth of a beam
by default (our choice: one second in 300,000 then fades by 3 dB). A link known by its rates only loses nothing.

Options, off unless asked for: `zenith_loss_db`, the air of a station on the Earth, by elevation; `background_w`, light
of the sky on the detector, by night and by day, which makes a weak link fall with 1/R^4 instead of 1/R^2:

    rate = budget / (1 + 2 ln M / (M - 1) * background / received)        M: `ppm_order`

the capacity of pulse-position modulation (Moision and Farr, IPN PR 42-199, 2014) over what it is without background.

Between radio terminals rates are by their tables alone. Left out: the discrete modes of CCSDS 142.0-B (up to 3.7 dB),
mean loss by turbulence beyond the fitted, rain on radio.

Sources: DSOC's flown rates and the table of published links: NASA.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from topology.fading import air_mass, interleaved, outage, scintillation
from topology.paths import FloatArray
from topology.terminal import OPTICAL, Terminal

BoolArray = npt.NDArray[np.bool_]

PLANCK_J_S: Final = 6.626_070_15e-34
LIGHT_M_S: Final = 299_792_458.0


class Air(NamedTuple):
    """What is around the ends of a link while it lasts, arrays of shape (N,).

    Attributes:
        sender_deg: elevation at which a sender on the Earth looks through the air; None: it stands in none.
        receiver_deg: the receiver's.
        is_day: whether the Sun is up at the receiver; None: it is in space, where the night's value holds.
    """

    sender_deg: FloatArray | None = None
    receiver_deg: FloatArray | None = None
    is_day: BoolArray | None = None


def received_w(sender: Terminal, receiver: Terminal, range_km: FloatArray) -> FloatArray:
    """Power at the receiver's detector, watts, shape (N,), losses included."""
    range_m = np.asarray(range_km, dtype=float) * 1e3
    wavelength_m = sender.wavelength_m
    losses = 10 ** ((sender.transmit_loss_db + receiver.receive_loss_db) / 10)
    spread = (wavelength_m / (4 * math.pi * range_m)) ** 2
    gain = 4 * math.pi * receiver.receiving_area_m2 / wavelength_m**2
    power: FloatArray = sender.beam_strength * spread * gain * losses
    return power


def rate_bps(
    sender: Terminal, receiver: Terminal, range_km: FloatArray, air: Air | None = None
) -> FloatArray:
    """Data rate from one terminal to another, bit/s, shape (N,).

    Args:
        sender: who transmits.
        receiver: who receives.
        range_km: length of the photon's way, shape (N,), above 0.
        air: what is around the ends; None: the best there is, overhead and by night.

    Returns:
        The link budget's rate or the lower of the two caps; 0 beyond the last range of a table, and
        between different bands.
    """
    range_km = np.asarray(range_km, dtype=float)
    air = air or Air()
    if sender.band != receiver.band:
        return np.zeros_like(range_km)
    cap = min(sender.transmit_cap_bps, receiver.receive_cap_bps)
    ends = (sender, air.sender_deg), (receiver, air.receiver_deg)
    if all(end.rate_table or end.rate_grid for end, _ in ends):
        tables = [_from_tables(end, range_km, elevation_deg) for end, elevation_deg in ends]
        return np.minimum(np.minimum(*tables), cap)
    power_w = _mean_w(sender, receiver, range_km, air)
    return _budget(sender, receiver, power_w, air, cap)


def frame_loss(
    sender: Terminal, receiver: Terminal, range_km: FloatArray, air: Air | None = None
) -> FloatArray:
    """Probability that what is sent within one interleaver is lost, from one terminal to another, shape (N,).

    Args:
        sender: who transmits.
        receiver: who receives.
        range_km: length of the photon's way, shape (N,), above 0.
        air: what is around the ends; None: nothing, and night.
    """
    range_km = np.asarray(range_km, dtype=float)
    air = air or Air()
    ends = (sender, air.sender_deg), (receiver, air.receiver_deg)
    if sender.band != OPTICAL or all(end.rate_table or end.rate_grid for end, _ in ends):
        return np.zeros_like(range_km)
    variance = np.zeros_like(range_km)
    for end, elevation_deg in ends:
        if elevation_deg is not None and end.turbulence > 0:
            aperture_m = receiver.aperture_m if end is receiver else 0.0
            wavelength_m = sender.wavelength_m
            variance = variance + scintillation(
                wavelength_m, aperture_m, elevation_deg, end.turbulence
            )
    return outage(
        margin_db(sender, receiver, range_km, air),
        interleaved(variance, sender.wavelength_m),
        sender.pointing_jitter_beams,
    )


def margin_db(
    sender: Terminal, receiver: Terminal, range_km: FloatArray, air: Air | None = None
) -> FloatArray:
    """Mean power received over what the rate needs, dB, shape (N,): the designed margin or, at a cap, more."""
    air = air or Air()
    cap = min(sender.transmit_cap_bps, receiver.receive_cap_bps)
    power_w = _mean_w(sender, receiver, range_km, air)
    rate = _budget(sender, receiver, power_w, air, cap)
    # the power p of which the rate is k p / (1 + b / p)
    per_watt = _bits_per_joule(sender, receiver)
    noise_w = _noise_w(receiver, air)
    needed_w = (rate + np.sqrt(rate * (rate + 4 * per_watt * noise_w))) / (2 * per_watt)
    margin: FloatArray = 10 * np.log10(power_w / needed_w)
    return margin


def _mean_w(sender: Terminal, receiver: Terminal, range_km: FloatArray, air: Air) -> FloatArray:
    """Power at the detector, the air's part of the losses included."""
    power_w = received_w(sender, receiver, range_km)
    for end, elevation_deg in ((sender, air.sender_deg), (receiver, air.receiver_deg)):
        if elevation_deg is not None and end.zenith_loss_db < 0:
            power_w = power_w * 10 ** (end.zenith_loss_db * air_mass(elevation_deg) / 10)
    return power_w


def _budget(
    sender: Terminal, receiver: Terminal, mean_w: FloatArray, air: Air, cap: float
) -> FloatArray:
    """The rate that a link of this mean power is set to."""
    designed_w = mean_w / 10 ** (receiver.margin_db / 10)
    budget = _bits_per_joule(sender, receiver) * designed_w
    rate: FloatArray = np.minimum(budget / (1 + _noise_w(receiver, air) / designed_w), cap)
    return rate


def _bits_per_joule(sender: Terminal, receiver: Terminal) -> float:
    photons_per_joule = sender.wavelength_m / PLANCK_J_S / LIGHT_M_S
    return receiver.bits_per_photon * receiver.detector_efficiency * photons_per_joule


def _noise_w(receiver: Terminal, air: Air) -> FloatArray | float:
    """The signal at which background halves the rate."""
    night_w, day_w = receiver.background_w, receiver.day_background_w
    order = receiver.ppm_order
    background_w = night_w if air.is_day is None else np.where(air.is_day, day_w, night_w)
    return 2 * math.log(order) / (order - 1) * background_w


def _from_tables(
    end: Terminal, range_km: FloatArray, elevation_deg: FloatArray | None
) -> FloatArray:
    if end.rate_table:
        return _from_table(end.rate_table, range_km)
    rate = np.zeros_like(range_km)
    for farthest_km, lowest_deg, bps in end.rate_grid:
        holds = range_km <= farthest_km
        if elevation_deg is not None:
            holds = holds & (elevation_deg >= lowest_deg)
        rate = np.where(holds, np.maximum(rate, bps), rate)
    return rate


def _from_table(table: tuple[tuple[float, float], ...], range_km: FloatArray) -> FloatArray:
    ranges = np.array([range_km for range_km, _ in table])
    rates = np.array([rate for _, rate in table] + [0.0])
    return rates[np.searchsorted(ranges, range_km)]
