"""A scenario's sky: where its nodes are, and when light goes from one to another.

The scenario's tables become paths, terminals and planned nodes of `topology`; nodes and bodies
answer by name. A node is sampled once and asked many times.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import product
from pathlib import Path as FilePath
from types import TracebackType
from typing import NamedTuple, Self

import numpy as np

from dtn.contact_plan import Contact, ContactPlan
from dtn.errors import BadInput, Fault, InvalidValue
from emulator.doubts import doubt
from emulator.scenario import Launch, Node, Orbit, Scenario, Site
from emulator.scenario.faults import did_you_mean
from emulator.sky import horizon_mask, plan_cache, rate_file
from emulator.sky.launches import doubtful, flight, muzzle_of
from emulator.sky.weather import forecast
from topology.bodies import BODIES
from topology.constants import SPEED_OF_LIGHT_KM_S
from topology.dynamics import DeepSpace
from topology.ephemeris import HAS_NUMBA, Sky
from topology.geometry import (
    geometric_s,
    light_time,
    light_time_received,
    shapiro_delay_s,
    sightline,
)
from topology.illumination import Illumination, Place
from topology.lagrange import LagrangePoint
from topology.laser import rate_bps
from topology.mass_driver import report as launch_report
from topology.network import PlannedNode, surroundings
from topology.oem import oem_path
from topology.orbits import TleOrbit, orbit_from_elements, orbit_from_state
from topology.paths import FloatArray, Path
from topology.planner import PlanOptions, plan_contacts
from topology.sites import dip_deg, site
from topology.spk import SpkPath
from topology.terminal import Terminal
from topology.track import track
from topology.visibility import End, HorizonMask, Surroundings
from topology.windows import Window, windows

WORTH_COMPILING = 6
"""Orbits of a scenario, most of a second each, that are integrated without numba: it takes 80 MB to load."""
OLD_TLE_D = 14.0
"""Days from a TLE's epoch after which its age is worth a word: SGP4 loses 1-3 km a day."""


class LightTime(NamedTuple):
    """Light between A and B at one date.

    Args:
        at: the date, UTC.
        transmit_s: one-way light time of what A sends then.
        receive_s: one-way light time of what A receives then.
        geometric_s: the distance then over the speed of light.
        range_km: how far the light that A sends then travels.
        rate_bps: data rate from A to B then, visibility granted; None: an end has no terminal.
    """

    at: datetime
    transmit_s: float
    receive_s: float
    geometric_s: float
    range_km: float
    rate_bps: float | None


class ScenarioSky:
    """Everything that a scenario's dates and tables say about places and light.

    Raises:
        BadInput: the scenario leaves the kernels.
    """

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        orbits = [node.orbit for node in scenario.nodes if node.orbit is not None]
        integrated = sum(bool(orbit.elements or orbit.position_km) for orbit in orbits)
        self.sky = Sky(
            scenario.start,
            scenario.duration_s,
            scenario.kernel_set(),
            compiled=HAS_NUMBA and integrated >= WORTH_COMPILING,
        )
        self._paths: dict[str, Path] = {}
        self._terminals: dict[str, Terminal] = {}
        self._deep_space: DeepSpace | None = None
        self._around: Surroundings | None = None
        self._ends: dict[str, End] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.sky.close()

    def path(self, name: str) -> Path:
        """The path of a node or of a body.

        Raises:
            BadInput: there is no such node or body, or it is nowhere.
        """
        if name not in self._paths:
            self._paths[name] = self._make_path(name)
        return self._paths[name]

    def terminals(self, name: str) -> tuple[Terminal, ...]:
        """The laser terminals of a node; none for a body."""
        names: tuple[str, ...] = ()
        for node in self.scenario.nodes:
            if node.name == name:
                names = node.terminals
        for launch in self.scenario.launches():
            if launch.name == name:
                names = launch.driver.satellites.terminals
        return tuple(self._terminal(kind) for kind in names)

    def _terminal(self, kind: str) -> Terminal:
        known = self._terminals.get(kind)
        if known is None:
            table = self.scenario.terminals[kind]
            rows: tuple[rate_file.Row, ...] = ()
            if table.rate_file is not None:
                rows = rate_file.load(self.scenario.file.parent / table.rate_file)
            known = self._terminals[kind] = table.laser(kind, rows)
        return known

    def light_times(
        self, a: str, b: str, dates: Iterable[datetime], *, shapiro: bool = False
    ) -> list[LightTime]:
        """Light between two nodes or bodies at dates; with Shapiro's delay by the Sun if asked for.

        Raises:
            BadInput: no such node or body, or it is not there at that date.
        """
        return [self._light_time(a, b, at, shapiro=shapiro) for at in dates]

    def windows(self, a: str, b: str) -> list[Window]:
        """When A can transmit to B: geometry and Sun, before weather and pointing.

        Raises:
            BadInput: no such node or body.
        """
        end_s = self.scenario.duration_s
        if self._around is None:
            self._around = surroundings(self.sky, *self.sky.span_s)
        return windows(self._end(a), self._end(b), self._around, 0.0, end_s)

    def keep_out_deg(self, name: str) -> float:
        """The smallest angle between its partner and the Sun that any terminal of a node bears; 0: any.

        Raises:
            BadInput: no such node or body.
        """
        return self._end(name).sun_keep_out_deg

    def illumination(self, name: str) -> Illumination:
        """Sunlight at a node over the scenario: distance, shadows, and night where it stands on a body.

        Raises:
            BadInput: no such node.
        """
        end = self._end(name)
        return Place(self.sky, end.path, end.mask).profile(0.0, self.scenario.duration_s)

    def owlt_s(self, a: str, b: str, t_s: FloatArray) -> FloatArray:
        """One-way light time of what A sends at t_s, shape (N,).

        Raises:
            BadInput: no such node or body.
        """
        return light_time(self._end(a).path, self._end(b).path, t_s)

    def plan(self, progress: Callable[[str, float], object] | None = None) -> ContactPlan:
        """The contact plan: laser links as the planner points them, and links that are always there.

        A scenario's second plan comes from the user's cache (`emulator.sky.plan_cache`).

        Args:
            progress: told what is being done, and which part of it is done, 0 to 1.

        Raises:
            BadInput: a node that cannot be where it is said to be.
        """
        scenario = self.scenario
        for sentence in doubtful(scenario):
            doubt(sentence)
        key = plan_cache.key_of(scenario)
        plan = plan_cache.find(key)
        if plan is None:
            plan = self._planned(progress)
            plan_cache.keep(key, plan)
        return plan

    def _planned(self, progress: Callable[[str, float], object] | None) -> ContactPlan:
        scenario = self.scenario

        def told(what: str, part: float) -> None:
            if progress is not None:
                progress(what, part)

        lasers = plan_contacts(
            self.planned_nodes(),
            surroundings(self.sky, *self.sky.span_s),
            scenario.duration_s,
            options=PlanOptions(**scenario.planner.model_dump(exclude_none=True)),
            outages=forecast(scenario),
            progress=told,
        )
        contacts = (*lasers.contacts, *self._fixed_contacts())
        return ContactPlan(contacts, scenario.start, scenario.ipn_numbers())

    def planned_nodes(self) -> tuple[PlannedNode, ...]:
        """Every node that has a laser terminal, launched satellites included."""
        masks = {node.name: self._mask(node) for node in self.scenario.nodes}
        weights = {node.name: node.weight for node in self.scenario.nodes}
        stations = {node.name for node in self.scenario.nodes if node.role == "earth-station"}
        return tuple(
            PlannedNode(
                name=name,
                path=self.path(name),
                terminals=terminals,
                mask=masks.get(name, 0.0),
                gateway=name in stations,
                weight=weights.get(name, 1.0),
            )
            for name in self.scenario.ipn_numbers()
            if (terminals := self.terminals(name))
        )

    def _light_time(self, a: str, b: str, at: datetime, *, shapiro: bool) -> LightTime:
        source, destination = self.path(a), self.path(b)
        t_s = np.array([self.sky.seconds(at)])
        self._check_there(a, source, at, float(t_s[0]))
        self._check_there(b, destination, at, float(t_s[0]))
        sent_s = light_time(source, destination, t_s)
        heard_s = light_time_received(destination, source, t_s)
        range_km = sent_s * SPEED_OF_LIGHT_KM_S
        if shapiro:
            sun = self.sky.body("sun")
            sent_s = sent_s + shapiro_delay_s(sightline(source, destination, t_s), sun)
            arriving = sightline(destination, source, t_s - heard_s)
            heard_s = heard_s + shapiro_delay_s(arriving, sun)
        pairs = product(self.terminals(a), self.terminals(b))
        rates = [float(rate_bps(mine, theirs, range_km)[0]) for mine, theirs in pairs]
        return LightTime(
            at,
            float(sent_s[0]),
            float(heard_s[0]),
            float(geometric_s(source, destination, t_s)[0]),
            float(range_km[0]),
            max(rates, default=None),
        )

    def _check_there(self, name: str, path: Path, at: datetime, t_s: float) -> None:
        first_s, last_s = path.span_s
        if not first_s <= t_s <= last_s:
            mend = f"{name} is there from {self.sky.utc(first_s):%Y-%m-%dT%H:%M:%SZ} to "
            mend += f"{self.sky.utc(last_s):%Y-%m-%dT%H:%M:%SZ}: choose a date between"
            raise BadInput(Fault(str(self.scenario.file), "--at", at.isoformat(), mend))

    def _end(self, name: str) -> End:
        known = self._ends.get(name)
        if known is None:
            known = self._ends[name] = self._make_end(name)
        return known

    def _make_end(self, name: str) -> End:
        keep_out = [terminal.sun_keep_out_deg for terminal in self.terminals(name)]
        node = next((node for node in self.scenario.nodes if node.name == name), None)
        return End(
            path=track(self.path(name), *self.sky.span_s),
            mask=self._mask(node) if node else 0.0,
            sun_keep_out_deg=min(keep_out, default=0.0),
        )

    def _mask(self, node: Node) -> float | HorizonMask:
        if node.horizon_mask is None:
            asked = node.site is not None and node.site.dip
            dip = dip_deg(node.site.body, node.site.height_m) if node.site and asked else 0.0
            return node.mask_deg - dip
        return horizon_mask.load(self.scenario.file.parent / node.horizon_mask)

    def _make_path(self, name: str) -> Path:
        for place, node in enumerate(self.scenario.nodes):
            if node.name == name:
                return self._node_path(node, f'nodes[{place}] "{name}"')
        if name in BODIES:
            return self.sky.body(name)
        for launch in self.scenario.launches():
            if launch.name == name:
                return self._launched(launch)
        known = [*self.scenario.ipn_numbers(), *BODIES]
        mend = f"no such node or body: {did_you_mean(name, known)}"
        raise BadInput(Fault(str(self.scenario.file), "", f'"{name}"', mend))

    def _node_path(self, node: Node, key: str) -> Path:
        if node.site is not None:
            with self._named(f"{key}.site"):
                return self._site(node.site)
        if node.orbit is not None:
            with self._named(f"{key}.orbit"):
                return self._orbit(node.orbit)
        raise BadInput(Fault(str(self.scenario.file), key, "", "this node is at no place"))

    def _site(self, place: Site) -> Path:
        return site(self.sky, place.body, place.latitude_deg, place.longitude_deg, place.height_m)

    def _launched(self, launch: Launch) -> Path:
        """The path of a launched satellite; it has to last as long as the scenario."""
        driver = launch.driver
        key = f'mass_driver "{driver.name}"'
        with self._named(key):
            if self._deep_space is None:
                self._deep_space = DeepSpace(self.sky, *self.sky.span_s)
            muzzle = muzzle_of(launch, self.scenario.seed)
            path = flight(self.sky, self._deep_space, launch, muzzle, self.sky.span_s[1])
        if path.span_s[1] < self.scenario.duration_s:
            verdict = launch_report(self.sky, path, muzzle).verdict
            mend = f"{launch.name} {verdict}: change speed, azimuth or elevation"
            speed = f"{driver.muzzle_speed_m_s:g}"
            raise BadInput(Fault(str(self.scenario.file), f"{key}.muzzle_speed_m_s", speed, mend))
        return path

    def _fixed_contacts(self) -> Iterator[Contact]:
        """The links that are always there, both ways."""
        for link in self.scenario.links:
            a, b = link.between
            for source, destination in ((a, b), (b, a)):
                end_s = self.scenario.duration_s
                yield Contact(source, destination, 0.0, end_s, link.rate_bps, link.owlt_s)

    def _tle(self, line_1: str, line_2: str) -> TleOrbit:
        orbit = TleOrbit(self.sky, line_1, line_2)
        if orbit.age_d > OLD_TLE_D:
            doubt(
                f"{self.scenario.file}: the TLE of {line_2[2:7].strip()} is {orbit.age_d:.0f} days from the"
                f" end of the scenario farthest from it: SGP4 is off by about {2 * orbit.age_d:.0f} km"
                " then; take a newer one"
            )
        return orbit

    @contextmanager
    def _named(self, key: str) -> Iterator[None]:
        """Say where in the file a value is that cannot stand."""
        try:
            yield
        except InvalidValue as bad:
            file = str(self.scenario.file)
            raise BadInput(Fault(file, f"{key}.{bad.key}", str(bad.value), bad.mend)) from None

    def _orbit(self, orbit: Orbit) -> Path:
        beside = self.scenario.file.parent
        if orbit.tle is not None:
            return self._tle(*orbit.tle)
        if orbit.oem is not None:
            return oem_path(self.sky, _text(beside / orbit.oem))
        if orbit.spk is not None:
            return SpkPath(self.sky, beside / orbit.spk.file, orbit.spk.target)
        if orbit.lagrange is not None:
            return LagrangePoint(self.sky, orbit.lagrange.bodies, orbit.lagrange.point)
        assert orbit.epoch is not None
        if orbit.elements is not None:
            elements = orbit.elements.model_dump()
            return orbit_from_elements(self.sky, orbit.body, orbit.epoch, **elements)
        assert orbit.position_km is not None
        assert orbit.velocity_km_s is not None
        return orbit_from_state(
            self.sky, orbit.body, orbit.epoch, orbit.position_km, orbit.velocity_km_s
        )


def _text(path: FilePath) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BadInput(Fault(str(path), "", "", "there is no such file: check its name")) from None
    except (OSError, UnicodeDecodeError) as fault:
        raise BadInput(Fault(str(path), "", "", f"cannot be read as text: {fault}")) from None
