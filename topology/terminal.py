"""Laser and radio terminals: what one end of a link is, and those that there are.

A radio terminal is a terminal whose rates are a table and whose band is not "optical": only equal bands
hear each other. Clouds do not stop it; it points and takes time to acquire like a laser.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from dtn.errors import InvalidValue

OPTICAL: Final = "optical"
BANDS: Final = (OPTICAL, "uhf", "s", "x", "ka")


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
