"""The tables of a scenario file as pydantic models: format 1.

Every table refuses unknown keys. Attribute names carry units; where the file's key does not
(because its value does, as in `duration = "30d"`), the key is the field's alias. What needs more
than one table is checked in `checks`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import ConfigDict, Field, PrivateAttr, model_validator
from pydantic_core import PydanticCustomError

from dtn.ltp.options import LEAST_SEGMENT_BYTES
from emulator.scenario import presets
from emulator.scenario.computing import Computing, Job
from emulator.scenario.quantities import Bytes, Moment, PositiveSeconds, Seconds, Utc
from emulator.scenario.security import Security
from emulator.scenario.shell import Shell, with_shells
from emulator.scenario.spacecraft import LaunchEnergy, Spacecraft
from emulator.scenario.table import Name, Table
from emulator.scenario.weather import Weather
from topology import laser
from topology.kernel_set import SHIPPED, KernelSet

NodeNumber = Annotated[int, Field(ge=1, le=2**32 - 1)]
Positive = Annotated[float, Field(gt=0)]
Vector = tuple[float, float, float]
Role = Literal["earth-station", "moon-base", "relay", "satellite", "gateway"]
Body = Literal["earth", "moon", "mars"]
Priority = Literal["bulk", "normal", "expedited"]
Report = Literal["received", "forwarded", "delivered", "deleted"]


class Site(Table):
    """A place on a body's surface; longitudes east, the Moon's in the mean-Earth (ME) frame."""

    body: Body
    latitude_deg: float = Field(ge=-90, le=90)
    longitude_deg: float = Field(ge=-180, le=360)
    height_m: float = Field(default=0.0, ge=-12_000, le=100_000)
    dip: bool = False


class Elements(Table):
    """Osculating Kepler elements at the epoch, axes of the ICRF."""

    semi_major_axis_km: Positive
    eccentricity: float = Field(ge=0, lt=1)
    inclination_deg: float = Field(ge=0, le=180)
    ascending_node_deg: float = 0.0
    argument_of_periapsis_deg: float = 0.0
    mean_anomaly_deg: float = 0.0


class Spk(Table):
    """An object in an SPK file of the user's, by NAIF's number."""

    file: str
    target: int


class Lagrange(Table):
    """A Lagrange point of two bodies, the heavier first: an illustration, no craft sits there."""

    bodies: tuple[str, str]
    point: int = Field(ge=1, le=5)


class Orbit(Table):
    """A path: a state (ICRF axes, body-centred) or elements to integrate, a TLE, a file, a Lagrange point."""

    body: Body = "earth"
    epoch: Utc | None = None
    position_km: Vector | None = None
    velocity_km_s: Vector | None = None
    elements: Elements | None = None
    tle: tuple[str, str] | None = None
    oem: str | None = None
    spk: Spk | None = None
    lagrange: Lagrange | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Orbit:
        has_state = self.position_km is not None or self.velocity_km_s is not None
        others = (self.elements, self.tle, self.oem, self.spk, self.lagrange)
        if has_state + sum(other is not None for other in others) != 1:
            raise _mend(
                "give one of: position_km with velocity_km_s, elements, tle, oem, spk, lagrange"
            )
        if has_state and (self.position_km is None or self.velocity_km_s is None):
            raise _mend("give both position_km and velocity_km_s")
        if (has_state or self.elements is not None) and self.epoch is None:
            raise _mend(
                "add epoch, the date of the state or elements, such as 2026-12-01T00:00:00Z"
            )
        return self


class Terminal(Table):
    """A laser or radio terminal (see `topology.laser.Terminal`); both ends of a link count in its budget.

    `rate_file`: rates of the user's instead of the formula, CSV: range_km,elevation_deg,rate_bps.
    """

    model_config = ConfigDict(json_schema_extra={"required": []})  # a preset may bring the rest

    aperture_m: Positive
    power_w: Positive
    sun_keep_out_deg: float = Field(default=3.0, ge=0, lt=180)
    obscuration_m: float = Field(default=0.0, ge=0)
    wavelength_m: Positive = 1550e-9
    transmit_loss_db: float = Field(default=-5.0, le=0)
    receive_loss_db: float = Field(default=-2.0, le=0)
    detector_efficiency: float = Field(default=0.70, gt=0, le=1)
    bits_per_photon: Positive = 2.0
    transmit_cap_bps: Positive = 266.7e6
    receive_cap_bps: Positive = 266.7e6
    acquisition_s: float = Field(default=60.0, ge=0)
    rate_table: tuple[tuple[float, float], ...] = ()
    rate_file: str | None = None
    band: Literal["optical", "uhf", "s", "x", "ka"] = "optical"
    zenith_loss_db: float = Field(default=0.0, le=0)
    background_w: float = Field(default=0.0, ge=0)
    day_background_w: float = Field(default=0.0, ge=0)
    ppm_order: int = Field(default=16, ge=2)
    margin_db: float = Field(default=3.0, ge=0)
    pointing_jitter_beams: float = Field(default=0.1, ge=0)
    turbulence: float = Field(default=1.0, ge=0)

    def laser(
        self, name: str, rate_grid: tuple[tuple[float, float, float], ...] = ()
    ) -> laser.Terminal:
        """The terminal as the link budget knows it.

        Args:
            name: its type.
            rate_grid: what its `rate_file` holds.

        Raises:
            InvalidValue: its values do not go together.
        """
        values = self.model_dump(exclude={"rate_file"})
        if self.rate_file is not None and not rate_grid:  # its file is read later
            rate_grid = ((1.0, 0.0, 1.0),)
        return laser.Terminal(name=name, rate_grid=rate_grid, **values)


class Routing(Table):
    """How nodes choose routes: a strategy's name, or `my_file.py:function`."""

    strategy: str = "sabr"


class Planner(Table):
    """How the contact plan is made; what is left out is as in `topology.planner.PlanOptions`."""

    designer: str | None = None
    session_s: PositiveSeconds | None = Field(default=None, alias="session")
    deep_session_s: PositiveSeconds | None = Field(default=None, alias="deep_session")
    least_rate_bps: Positive | None = None


class Ltp(Table):
    """How bundles travel in LTP blocks, with `convergence = "ltp"` (see `LtpOptions`).

    Segments are at most `segment` long, header included. Bundles gather in a block up to `aggregation`, for
    `aggregation_time` at most; without `aggregation` each is a block. `frame_loss`: how likely a segment is lost on a
    laser link, each for itself; without it, fades take what the link budget says. Fibre has its own. `authentication`:
    segments are signed (RFC 5327), with a key file for each node or pattern of names in `authentication_keys`.
    """

    segment_bytes: Annotated[Bytes, Field(ge=LEAST_SEGMENT_BYTES)] = Field(
        default=1400, alias="segment"
    )
    aggregation_bytes: Bytes | None = Field(default=None, alias="aggregation")
    aggregation_s: PositiveSeconds = Field(default=1.0, alias="aggregation_time")
    max_export_sessions: int = Field(default=100, ge=1)
    checkpoint_limit: int = Field(default=10, ge=0)
    report_limit: int = Field(default=10, ge=0)
    cancel_limit: int = Field(default=10, ge=0)
    round_limit: int = Field(default=20, ge=0)
    anticipated_latency_s: PositiveSeconds = Field(default=1.0, alias="anticipated_latency")
    frame_loss: float | None = Field(default=None, ge=0, lt=1)
    authentication: Literal["HMAC-SHA1-80", "RSA-SHA256", "NULL"] | None = None
    authentication_keys: dict[str, str] = Field(default_factory=dict)


class Agent(Table):
    """How a node's bundle protocol agent goes about its work (RFC 9171; see `dtn.bpa.AgentOptions`).

    For all nodes in `[agent]`, for one in its own `agent`, which changes the keys that it names. `fragment`: a bundle
    that no contact can take whole becomes two. `status_reports`: those that traffic asks for are made.
    `lifetime_override`: no bundle is kept here for longer. `hop_limit` and `crc` are of bundles sourced here.
    """

    fragment: bool = False
    status_reports: bool = False
    lifetime_override_s: PositiveSeconds | None = Field(default=None, alias="lifetime_override")
    hop_limit: int = Field(default=64, ge=1, le=255)
    crc: Literal["crc16", "crc32c"] = "crc32c"

    def changed_by(self, own: Agent | None) -> Agent:
        """The same with the keys that a node's own table names."""
        if own is None:
            return self
        return self.model_copy(update={key: getattr(own, key) for key in own.model_fields_set})


class Node(Table):
    """One node of the network. `role` fills in what is not written (see presets).

    `weight`: how much of the terminals' time its links deserve, beside those of weight 1.
    """

    name: Name
    ipn: NodeNumber
    role: Role
    site: Site | None = None
    orbit: Orbit | None = None
    mask_deg: float = Field(default=0.0, ge=-90, lt=90)
    horizon_mask: str | None = None
    terminals: tuple[str, ...] = ()
    weight: Positive = 1.0
    store_bytes: Bytes = Field(default=10**10, alias="store")
    agent: Agent | None = None
    computing: Computing | None = Field(default=None, description="What it computes with.")
    spacecraft: str | None = Field(
        default=None, description="Its power, heat and radiation: the name of a [spacecraft] table."
    )

    @model_validator(mode="before")
    @classmethod
    def _preset(cls, data: Any) -> Any:
        return _with_role(data)

    @model_validator(mode="after")
    def _one_place(self) -> Node:
        if self.role == "gateway" and not self.terminals:
            return self
        if (self.site is None) == (self.orbit is None):
            raise _mend(
                "say where it is: either site = { body, latitude_deg, ... } or orbit = { ... }"
            )
        return self


class Link(Table):
    """A link that is always there, both ways: fibre between an Earth station and a gateway."""

    between: tuple[str, str]
    rate_bps: Positive
    owlt_s: float = Field(ge=0)
    frame_loss: float = Field(default=0.0, ge=0, lt=1)


class Satellites(Table):
    """What a mass driver launches: `name`-1, `name`-2, ... with node numbers from `ipn` on."""

    name: Name
    ipn: NodeNumber
    role: Role = "satellite"
    area_to_mass_m2_kg: float = Field(default=0.05, ge=0, le=100)
    reflectivity: float = Field(default=1.3, ge=0, le=2)
    terminals: tuple[str, ...] = ()
    store_bytes: Bytes = Field(default=10**10, alias="store")
    agent: Agent | None = None
    computing: Computing | None = Field(default=None, description="What it computes with.")
    spacecraft: str | None = Field(
        default=None, description="Its power, heat and radiation: the name of a [spacecraft] table."
    )

    @model_validator(mode="before")
    @classmethod
    def _preset(cls, data: Any) -> Any:
        return _with_role({"role": "satellite", **data} if isinstance(data, dict) else data)


class MassDriver(Table):
    """A mass driver and its launches; each satellite joins the network when it is launched.

    `muzzle_speed_error_m_s`: standard deviation of the speed, drawn for each satellite from the scenario's seed.
    `track_length_km` and `acceleration_limit_g`: if both are given, the speed must be within their reach. A campaign is
    `count` launches, one every `period`; the next begins `campaign_period` after it began.
    """

    name: Name
    site: Site
    azimuth_deg: float = Field(ge=0, le=360)
    elevation_deg: float = Field(ge=0, le=90)
    muzzle_speed_m_s: float = Field(gt=0, le=50_000)
    muzzle_speed_error_m_s: float = Field(default=0.0, ge=0, le=100)
    track_length_km: Positive | None = None
    acceleration_limit_g: Positive | None = None
    first: Moment
    period_s: PositiveSeconds = Field(alias="period")
    count: int = Field(ge=1, le=10_000)
    campaigns: int = Field(
        default=1, ge=1, le=1000, description="How often `count` launches are made."
    )
    campaign_period_s: PositiveSeconds | None = Field(
        default=None,
        alias="campaign_period",
        description="From the beginning of a campaign to that of the next.",
    )
    loss_rate: float = Field(
        default=0.0, ge=0, le=1, description="How likely a satellite is dead after its launch."
    )
    energy: LaunchEnergy | None = Field(
        default=None,
        description="What a launch takes, and whose power it comes from; without it launching is free.",
    )
    satellites: Satellites

    @model_validator(mode="after")
    def _campaigns_apart(self) -> MassDriver:
        if self.campaigns > 1:
            apart_s = self.campaign_period_s
            if apart_s is None:
                raise _mend('say how far campaigns are apart: campaign_period = "7d"')
            if apart_s < self.count * self.period_s:
                raise _mend(
                    "a campaign begins before the one before is over: longer campaign_period"
                )
        return self


class Traffic(Table):
    """Bundles that an application sources. Names may be patterns ("ai-*"); every pair is served.

    `chunk` is the payload of a file's bundles. `period` is a Poisson process's mean interval; an on-off process is
    periodic in spells of mean length `on`, silent for `off` on average between them. A request is answered with
    `response` bytes after `think`. An inference is an event of `size` bytes at each moment, about which its `job` is to
    be done; `to` is home, which is told of every decision. `reports`: on what each node that makes status reports shall
    report to the source.
    """

    name: Name
    application: Literal["telemetry", "file", "ping", "request", "inference"]
    source: str | tuple[str, ...] = Field(alias="from")
    destination: str | tuple[str, ...] = Field(alias="to")
    size_bytes: Bytes = Field(alias="size")
    chunk_bytes: Bytes = Field(default=10**6, alias="chunk")
    period_s: PositiveSeconds = Field(alias="period")
    process: Literal["periodic", "poisson", "on-off"] = "periodic"
    on_s: PositiveSeconds | None = Field(default=None, alias="on")
    off_s: PositiveSeconds | None = Field(default=None, alias="off")
    response_bytes: Bytes | None = Field(default=None, alias="response")
    think_s: Seconds = Field(default=0.0, alias="think")
    first: Moment = 0.0
    until: Moment | None = None
    lifetime_s: PositiveSeconds = Field(alias="lifetime")
    priority: Priority = "normal"
    reports: tuple[Report, ...] = ()
    job: Job | None = Field(
        default=None,
        description='What is to be done about each event of application = "inference".',
    )

    @model_validator(mode="after")
    def _keys_that_belong_together(self) -> Traffic:
        spells = (self.on_s, self.off_s)
        if self.process == "on-off" and None in spells:
            raise _mend(
                'an on-off process needs on and off, the mean lengths of its spells: on = "10min"'
            )
        if self.process != "on-off" and spells != (None, None):
            raise _mend('on and off are for process = "on-off": add it, or leave them out')
        if self.application == "request" and self.response_bytes is None:
            raise _mend('a request needs response, the size of what comes back: response = "1 MB"')
        if self.application != "request" and (self.response_bytes is not None or self.think_s):
            raise _mend('response and think are for application = "request": leave them out')
        if (self.application == "inference") != (self.job is not None):
            raise _mend("an inference has a table [traffic.job], and nothing else has one")
        return self


class Replay(Table):
    """Traffic as it was recorded: a bundle list (CSV: created_s, from, to, size_bytes, lifetime_s, priority, flow).

    `first` is when its second 0 is; a bundle without a flow belongs to the flow of the table's name.
    """

    name: Name
    file: str
    first: Moment = 0.0


class Outage(Table):
    """A node that is down, a link that is cut both ways, or a storm of particles, `at` some moment `for` some time."""

    node: str | None = None
    link: tuple[str, str] | None = None
    storm: str | None = Field(
        default=None,
        description="Nodes, by name or pattern, that particles hit `factor` times as often.",
    )
    factor: float | None = Field(default=None, gt=0, description="Of a storm.")
    at: Moment
    for_s: PositiveSeconds = Field(alias="for")

    @model_validator(mode="after")
    def _one_kind(self) -> Outage:
        if sum(what is not None for what in (self.node, self.link, self.storm)) != 1:
            raise _mend('say what fails: node = "NAME", link = ["NAME", "NAME"] or storm = "NAMES"')
        if (self.storm is None) != (self.factor is None):
            raise _mend('a storm has a factor, and nothing else has: storm = "*", factor = 30')
        return self


class PlanChange(Table):
    """Contacts of a link, both ways, that begin from `at` on, `for` some time or for good."""

    link: tuple[str, str]
    at: Moment
    for_s: PositiveSeconds | None = Field(default=None, alias="for")


class PlanUpdate(Table):
    """News of the contact plan that reach `origin` at some moment and from there travel to all nodes, as bundles.

    Until a node has heard, it counts on contacts that are `cancelled` and knows nothing of those that are `added`.
    """

    at: Moment
    origin: Name
    cancelled: tuple[PlanChange, ...] = ()
    added: tuple[PlanChange, ...] = ()
    lifetime_s: PositiveSeconds | None = Field(
        default=None,
        alias="lifetime",
        description="Of the bundles that tell the others; the run's duration if left out.",
    )

    @model_validator(mode="after")
    def _says_something(self) -> PlanUpdate:
        if not self.cancelled and not self.added:
            raise _mend(
                'say what changes: cancelled = [{ link = ["A", "B"], at = "1d", for = "6h" }], or added'
            )
        return self


class Launch(NamedTuple):
    """One launch of a mass driver: the satellite's name and number, and when it leaves."""

    name: str
    ipn: int
    t_s: float
    driver: MassDriver


class Kernels(Table):
    """An ephemeris of the user's in place of the one that ships, such as DE440: three files that belong together."""

    ephemeris: str
    moon_orientation: str
    moon_frames: str


class Scenario(Table):
    """A network and what happens in it. Times inside are seconds from `start`."""

    format: Literal[1]
    name: Name
    description: str = ""
    start: Utc
    duration_s: PositiveSeconds = Field(alias="duration")
    seed: int = Field(default=1, ge=0)
    routing: Routing = Routing()
    planner: Planner = Planner()
    convergence: Literal["whole-bundle", "ltp"] = "whole-bundle"
    ltp: Ltp = Ltp()
    agent: Agent = Agent()
    terminals: dict[Name, Terminal] = Field(default_factory=dict)
    spacecraft: dict[Name, Spacecraft] = Field(
        default_factory=dict, description="Power, heat and radiation of nodes, by type."
    )
    nodes: tuple[Node, ...]
    shells: tuple[Shell, ...] = Field(
        default=(), description="Earth satellites in Walker's pattern, which become nodes."
    )
    links: tuple[Link, ...] = ()
    mass_driver: tuple[MassDriver, ...] = ()
    traffic: tuple[Traffic, ...] = ()
    replay: tuple[Replay, ...] = ()
    faults: tuple[Outage, ...] = ()
    plan_updates: tuple[PlanUpdate, ...] = Field(
        default=(), description="How what nodes know of the contact plan comes to differ from it."
    )
    weather: Weather | None = None
    security: Security = Security()
    kernels: Kernels | None = None

    _file: Path = PrivateAttr(default=Path())

    @model_validator(mode="before")
    @classmethod
    def _shells_and_terminal_presets(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        data = with_shells(data)
        given = data.get("terminals", {})
        if not isinstance(given, dict):
            return data
        merged: dict[str, Any] = {name: dict(preset) for name, preset in presets.TERMINALS.items()}
        for name, table in given.items():
            known = merged.get(name, {})
            merged[name] = {**known, **table} if isinstance(table, dict) else table
        return {**data, "terminals": merged}

    @property
    def file(self) -> Path:
        """The file it was read from; files that it names are looked for beside it."""
        return self._file

    def kernel_set(self) -> KernelSet:
        """The ephemeris: the one that ships, or the user's."""
        if self.kernels is None:
            return SHIPPED
        return KernelSet(*(self.file.parent / name for name in self.kernels.model_dump().values()))

    @property
    def end(self) -> datetime:
        """Its last instant."""
        return self.start + timedelta(seconds=self.duration_s)

    def seconds(self, moment: float | datetime) -> float:
        """A moment as seconds from the start."""
        if isinstance(moment, datetime):
            return (moment - self.start).total_seconds()
        return moment

    def launches(self) -> tuple[Launch, ...]:
        """Every launch inside the scenario, in order of time."""
        found = [
            Launch(
                f"{driver.satellites.name}-{campaign * driver.count + number + 1}",
                driver.satellites.ipn + campaign * driver.count + number,
                self.seconds(driver.first)
                + campaign * (driver.campaign_period_s or 0.0)
                + number * driver.period_s,
                driver,
            )
            for driver in self.mass_driver
            for campaign in range(driver.campaigns)
            for number in range(driver.count)
        ]
        inside = [launch for launch in found if launch.t_s < self.duration_s]
        return tuple(sorted(inside, key=lambda launch: (launch.t_s, launch.name)))

    def ipn_numbers(self) -> dict[str, int]:
        """Node number by name, launched satellites included."""
        numbers = {node.name: node.ipn for node in self.nodes}
        numbers.update((launch.name, launch.ipn) for launch in self.launches())
        return numbers


def _with_role(data: Any) -> Any:
    """What the node says, over what its role brings."""
    if not isinstance(data, dict):
        return data
    role = data.get("role")
    preset = presets.ROLES.get(role, {}) if isinstance(role, str) else {}
    return {**preset, **data}


def _mend(text: str) -> PydanticCustomError:
    return PydanticCustomError("mend", "{mend}", {"mend": text})
