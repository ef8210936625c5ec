"""Laser terminals and the rate between two of them, from both ends' apertures.

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

A radio terminal is a terminal whose rates are a table and whose band is not "optical": only equal bands
hear each other. Clouds do not stop it; it points and takes time to acquire like a laser.

Left out: the discrete modes of CCSDS 142.0-B (up to 3.7 dB), mean loss by turbulence beyond the fitted, rain on radio.

Sources: DSOC's flown rates and the table of published links: NASA.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from dtn.errors import InvalidValue
from topology.fading import air_mass, interleaved, outage, scintillation
from topology.paths import FloatArray

BoolArray = npt.NDArray[np.bool_]

PLANCK_J_S: Final = 6.626_070_15e-34
LIGHT_M_S: Final = 299_792_458.0
OPTICAL: Final = "optical"
BANDS: Final = (OPTICAL, "uhf", "s", "x", "ka")


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal:
    """A laser terminal: it sends and receives, with one partner at a time.

    Args:
        name: its type, as scenarios call it.
        aperture_m: diameter of the telescope, for sending and receiving.
        power_w: average transmitted power.
        sun_keep_out_deg: smallest angle between its partner and the Sun; 0 = any.
        obscuration_m: diameter of what shades the middle of the telescope when it receives.
        wavelength_m: of the light it sends.
        transmit_loss_db: pointing, optics and beam shape of the sender, below 0.
        receive_loss_db: optics, air and implementation of the receiver, below 0.
        detector_efficiency: photons counted, of those that come through the telescope.
        bits_per_photon: of the code it receives.
        transmit_cap_bps: the fastest it can send.
        receive_cap_bps: the fastest it can receive.
        acquisition_s: from first light of the partner's beacon to the first bit; slewing included.
        rate_table: (range_km, rate_bps) rising in range; the rate up to each range, none beyond the
            last. A link between two terminals that both have a table uses the lower, not the formula.
        rate_grid: (range_km, least elevation_deg, rate_bps): the rate up to that range and from that
            elevation on; the best row that holds counts. In space all elevations hold.
        band: "optical", or the radio band.
        zenith_loss_db: of the air straight overhead, on the Earth; below 0.
        background_w: light of the sky on its detector by night, beside `received_w`.
        day_background_w: and by day.
        ppm_order: slots of its pulse-position modulation.
        margin_db: mean power that it receives over what its rate needs.
        pointing_jitter_beams: standard deviation of its pointing when it sends, in each axis, in beam widths
            (wavelength over aperture).
        turbulence: of the air over it, on the Earth: 1 = Hufnagel-Valley 5/7, 0 = none.

    Raises:
        InvalidValue: a value that no terminal has.
    """

    name: str = "laser"
    aperture_m: float
    power_w: float
    sun_keep_out_deg: float = 3.0
    obscuration_m: float = 0.0
    wavelength_m: float = 1550e-9
    transmit_loss_db: float = -5.0
    receive_loss_db: float = -2.0
    detector_efficiency: float = 0.70
    bits_per_photon: float = 2.0
    transmit_cap_bps: float = 266.7e6
    receive_cap_bps: float = 266.7e6
    acquisition_s: float = 60.0
    rate_table: tuple[tuple[float, float], ...] = ()
    rate_grid: tuple[tuple[float, float, float], ...] = ()
    band: str = OPTICAL
    zenith_loss_db: float = 0.0
    background_w: float = 0.0
    day_background_w: float = 0.0
    ppm_order: int = 16
    margin_db: float = 3.0
    pointing_jitter_beams: float = 0.1
    turbulence: float = 1.0

    def __post_init__(self) -> None:
        positive = (
            "aperture_m",
            "power_w",
            "wavelength_m",
            "detector_efficiency",
            "bits_per_photon",
            "transmit_cap_bps",
            "receive_cap_bps",
        )
        for key in positive:
            _check(key, getattr(self, key), above=0.0)
        for key in (
            "sun_keep_out_deg",
            "obscuration_m",
            "acquisition_s",
            "background_w",
            "day_background_w",
            "margin_db",
            "pointing_jitter_beams",
            "turbulence",
        ):
            _check(key, getattr(self, key), least=0.0)
        if not self.obscuration_m < self.aperture_m:
            raise InvalidValue("obscuration_m", self.obscuration_m, "less than the aperture")
        _check("ppm_order", self.ppm_order, least=2)
        if self.band not in BANDS:
            raise InvalidValue("band", self.band, f"one of: {', '.join(BANDS)}")
        if self.band != OPTICAL and not (self.rate_table or self.rate_grid):
            raise InvalidValue(
                "rate_table", (), "a radio terminal is known by its rates: give a table"
            )
        if any(not row[0] > 0 or not row[2] > 0 for row in self.rate_grid):
            raise InvalidValue("rate_grid", self.rate_grid, "ranges and rates above 0")
        for key in ("transmit_loss_db", "receive_loss_db", "zenith_loss_db"):
            if not getattr(self, key) <= 0:
                raise InvalidValue(key, getattr(self, key), "a loss is below 0 dB")
        ranges = [range_km for range_km, _ in self.rate_table]
        if ranges != sorted(set(ranges)) or any(rate <= 0 for _, rate in self.rate_table):
            raise InvalidValue("rate_table", self.rate_table, "rising ranges, rates above 0")

    @property
    def receiving_area_m2(self) -> float:
        """The part of the aperture that collects light."""
        return math.pi / 4 * (self.aperture_m**2 - self.obscuration_m**2)

    @property
    def minds_air(self) -> bool:
        """Whether its rate depends on more than the range."""
        background = self.background_w, self.day_background_w
        return bool(self.rate_grid) or self.zenith_loss_db < 0 or max(background) > 0

    @property
    def beam_strength(self) -> float:
        """Power times gain: which of two ends is the brighter beacon."""
        return self.power_w * (math.pi * self.aperture_m / self.wavelength_m) ** 2


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


def _check(key: str, value: float, *, above: float = -math.inf, least: float = -math.inf) -> None:
    if not (math.isfinite(value) and value > above and value >= least):
        bound = f"above {above:g}" if above > -math.inf else f"{least:g} or more"
        raise InvalidValue(key, value, f"give a number {bound}")


def _radios() -> Iterator[Terminal]:
    """Radio terminals: rates as space agencies quote them for such links, no link budget (our choice)."""
    for band, wavelength_m, rates in (
        # up and down between a dish and a craft within cislunar space, and out to Mars
        ("s", 0.14, ((5e5, 2e6), (2.5e6, 128e3))),
        ("x", 0.036, ((5e5, 25e6), (4e8, 1e6))),
        ("ka", 0.0115, ((5e5, 100e6), (4e8, 6e6))),
    ):
        for kind, dish_m, power_w in (("ground", 34.0, 2e4), ("flight", 1.0, 50.0)):
            yield Terminal(
                name=f"{band}-band-{kind}",
                band=band,
                aperture_m=dish_m,
                power_w=power_w,
                wavelength_m=wavelength_m,
                sun_keep_out_deg=1.0,
                transmit_cap_bps=rates[0][1] if kind == "flight" else 2e6,
                receive_cap_bps=rates[0][1],
                acquisition_s=10.0,
                rate_table=rates,
            )


def _presets() -> dict[str, Terminal]:
    all_ = (
        # the Hale telescope as DSOC's ground receiver: 5.1 m, 1.8 m shaded; 76 % SNSPD and optics -> 0.70 fitted
        Terminal(
            name="hale",
            aperture_m=5.1,
            obscuration_m=1.8,
            power_w=5_000.0,  # DSOC's uplink laser is a beacon beside it, 5 kW through 1 m
            sun_keep_out_deg=3.0,
            transmit_cap_bps=2e6,
            acquisition_s=200.0,
        ),
        # a 1 m station as at Table Mountain or Teide; 20 W is a usual amplifier (our choice)
        Terminal(name="optical-ground", aperture_m=1.0, power_w=20.0, acquisition_s=60.0),
        # DSOC's flight transceiver: 22 cm, 4 W; interplanetary acquisition takes 200 s on average
        Terminal(name="deep-space", aperture_m=0.22, power_w=4.0, acquisition_s=200.0),
        # what a raised lunar site or a large relay could carry (our choice), caps as DSOC
        Terminal(
            name="trunk",
            aperture_m=0.22,
            power_w=4.0,
            sun_keep_out_deg=5.0,
            acquisition_s=60.0,
        ),
        # O2O on Orion: 10 cm, 260 Mbit/s down and 20 Mbit/s up; 1 W
        Terminal(
            name="lunar",
            aperture_m=0.10,
            power_w=1.0,
            sun_keep_out_deg=5.0,
            transmit_cap_bps=260e6,
            receive_cap_bps=20e6,
            acquisition_s=45.0,
        ),
        # Starlink class: known by its rate and range, not by a link budget
        Terminal(
            name="inter-satellite",
            aperture_m=0.08,
            power_w=1.0,
            sun_keep_out_deg=2.0,
            transmit_cap_bps=100e9,
            receive_cap_bps=100e9,
            acquisition_s=30.0,
            rate_table=((5_400.0, 100e9),),
        ),
        *_radios(),
    )
    return {terminal.name: terminal for terminal in all_}


PRESETS: Final[Mapping[str, Terminal]] = MappingProxyType(_presets())
"""Terminals by type, after published designs; change one with `dataclasses.replace`."""
