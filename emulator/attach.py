"""Programs of others in the place of nodes: the file that says who, and the thread that carries their octets.

    [[attach]]
    node = "mars-orbiter"               # a node of the scenario, in whose place the program is
    carrier = "udpcl"                   # or "ltp", "tcpcl", "mtcp", or "datagram" for any UDP program
    peer = "127.0.0.1:4556"             # where the program listens; left out: who sends or calls is answered
    listen = "127.0.0.1:4600"           # its neighbours' ports: one after the other, in order of name
    plan = "mars-orbiter.ionrc"         # its contact plan is written there when the clock starts
    plan_format = "ion"                 # or "hdtn", "tvg", "csv", "json"

The emulated clock starts at a full second of the real one, a moment after the ports are there; bundles of emulated
nodes are dated by the real clock, so that what the program dates is neither from the future nor expired.
"""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from dtn.contact_plan import ContactPlan
from dtn.contact_plan.formats import WRITERS
from dtn.eid import IpnEid
from dtn.errors import BadInput, Fault
from dtn.events import Event
from emulator.clock import EmulatedLoop
from emulator.outside.settings import Address, At, address_of
from emulator.scenario.faults import did_you_mean, faults_of
from emulator.scenario.quantities import Bytes
from emulator.scenario.table import Table
from emulator.scenario.toml import read_tables, tupled
from emulator.setup import Setup
from nodes.channel.channel import Channel
from nodes.convergence.convergence_layer import Acknowledge
from nodes.convergence.noise import Noise
from nodes.gateway.attachment import Attachment
from nodes.gateway.observed import Observed
from nodes.gateway.ports import Gateway

STREAMS = ("tcpcl", "mtcp")
AHEAD_S = 1.0
"""From the ports' being there to the start of the clock, at least."""


class Attach(Table):
    """One program in a node's place."""

    node: str
    carrier: Literal["udpcl", "ltp", "tcpcl", "mtcp", "datagram"]
    peer: At | None = None
    listen: At = "127.0.0.1:0"
    plan: str | None = None
    plan_format: str = "ion"
    queue_bytes: Bytes = Field(default=64_000_000, alias="queue")
    loss: float | None = Field(default=None, ge=0, lt=1)


class AttachFile(Table):
    """The whole file."""

    attach: tuple[Attach, ...] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Attached:
    """A file that was read and fits its setup."""

    path: Path
    programs: tuple[Attach, ...]

    def at(self, node: str) -> Attached:
        """Of this node only."""
        return Attached(self.path, tuple(one for one in self.programs if one.node == node))

    def announce(self, setup: Setup, tell: Callable[[str], object]) -> None:
        """Say where programs will find their neighbours, before the processes that listen are there.

        Raises:
            BadInput: a port is left to the system, which nobody could tell.
        """
        for place, program in enumerate(self.programs):
            at = address_of(program.listen)
            if not at.port:
                mend = "give a port: with --processes nobody could tell which one it is"
                key = f"attach[{place}].listen"
                raise BadInput(Fault(str(self.path), key, program.listen, mend))
            neighbours = neighbours_of(program.node, setup)
            ports = {name: at.port + n for n, name in enumerate(neighbours)}
            for line in _where(program, neighbours, at.host, ports):
                tell(line)

    @property
    def names(self) -> frozenset[str]:
        """The nodes in whose place programs are."""
        return frozenset(program.node for program in self.programs)


def load(path: Path, setup: Setup) -> Attached:
    """Read a file and hold it against the setup.

    Raises:
        BadInput: every fault of it.
    """
    data: dict[str, Any] = read_tables(path)
    try:
        programs = AttachFile.model_validate(tupled(data)).attach
    except ValidationError as error:
        raise BadInput(*faults_of(error, data, str(path))) from None
    check(programs, setup, str(path))
    return Attached(path, programs)


def check(programs: tuple[Attach, ...], setup: Setup, file: str) -> None:
    """Hold programs against the setup.

    Raises:
        BadInput: every fault of them, as of this file.
    """
    faults = [Fault(file, *found) for found in _faults(programs, setup)]
    if faults:
        raise BadInput(*faults)


def _faults(programs: tuple[Attach, ...], setup: Setup) -> Iterator[tuple[str, str, str]]:
    members = [member.name for member in setup.members]
    sources = {stream.source for stream in setup.streams} | {d.source for d in setup.demands}
    seen: set[str] = set()
    for place, program in enumerate(programs):
        path = f"attach[{place}]"
        if program.node not in members:
            mend = f"no such node: {did_you_mean(program.node, members)}"
            yield f"{path}.node", program.node, mend
        elif program.node in seen:
            yield f"{path}.node", program.node, "another program has this place"
        elif not any(c.source == program.node for c in setup.plan.contacts):
            yield f"{path}.node", program.node, "has no contact in this scenario"
        elif program.node in sources:
            mend = (
                "the scenario has traffic from it: what an attached program sends is its own affair"
            )
            yield f"{path}.node", program.node, mend
        seen.add(program.node)
        if program.carrier == "ltp" and setup.ltp is None:
            mend = (
                'the scenario carries whole bundles: write convergence = "ltp" in it, or use udpcl'
            )
            yield f"{path}.carrier", program.carrier, mend
        if program.carrier in ("udpcl", *STREAMS) and setup.ltp is not None:
            mend = 'the scenario speaks LTP on its links: use ltp, or convergence = "whole-bundle"'
            yield f"{path}.carrier", program.carrier, mend
        if program.carrier == "mtcp" and program.peer is None:
            yield f"{path}.peer", "", "say where it listens: MTCP takes no bundles back"
        if program.plan_format not in WRITERS:
            mend = f"choose one of {', '.join(WRITERS)}"
            yield f"{path}.plan_format", program.plan_format, mend


def neighbours_of(node: str, setup: Setup) -> dict[str, IpnEid]:
    """Endpoints of all that the node has contacts with, in order of name."""
    numbers = {member.name: IpnEid(0, member.ipn, 0) for member in setup.members}
    ends = [(c.source, c.destination) for c in setup.plan.contacts]
    around = {end for pair in ends if node in pair for end in pair} - {node}
    return {name: numbers[name] for name in sorted(around)}


def _where(
    program: Attach, neighbours: Mapping[str, IpnEid], host: str, ports: Mapping[str, int]
) -> Iterator[str]:
    for name, port in ports.items():
        who = f"{name}, {neighbours[name]}"
        yield f"{program.node} finds {who}, by {program.carrier} at {host}:{port}"


class Outside:
    """The attached programs of one run.

    Args:
        attached: who.
        setup: what runs.
        loop: its clock, at a finite rate.
        tell: takes lines for people.
    """

    def __init__(
        self,
        attached: Attached,
        setup: Setup,
        loop: EmulatedLoop,
        tell: Callable[[str], object],
    ) -> None:
        self.names = attached.names
        self.start = datetime.now(UTC)
        self._attached = attached
        self._setup = setup
        self._loop = loop
        self._tell = tell
        self._attachments: dict[str, Attachment] = {}
        self._gateways: dict[str, Gateway] = {}
        self._observers: list[Observed] = []
        self._too_early: dict[str, list[tuple[str, int]]] = {}
        self._is_starting = threading.Lock()

    @contextmanager
    def open(self) -> Iterator[None]:
        """Listen for the programs, write their plans, and set the clock to a second to come.

        Raises:
            BadInput: an address cannot be had, or a plan cannot be written.
        """
        with self.listening():
            now = datetime.now(UTC)
            start = (now + timedelta(seconds=AHEAD_S + 1)).replace(microsecond=0)
            real_s = time.monotonic() + (start - now).total_seconds()
            self._loop.follow(real_s, 0.0, self._loop.rate)
            self.starts(start)
            yield

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Listen for the programs; somebody else sets the clock, and says so by `starts`.

        Raises:
            BadInput: an address cannot be had.
        """
        with ExitStack() as stack:
            for place, program in enumerate(self._attached.programs):
                self._listen(f"attach[{place}].listen", program, stack)
                if program.carrier in STREAMS:
                    self._warn(program)
            yield

    def starts(self, start: datetime) -> None:
        """The clock starts at this instant: write the programs' plans.

        Raises:
            BadInput: a plan cannot be written.
        """
        self.start = start
        for program in self._attached.programs:
            self._write_plan(program)
        self._tell(f"the clock starts at {start:%Y-%m-%dT%H:%M:%SZ}")

    def attachment(
        self, name: str, channel: Channel, record: Callable[[Event], object]
    ) -> Attachment:
        """What stands in a node's place."""
        program = next(one for one in self._attached.programs if one.node == name)
        losses = self._setup.ltp
        is_noisy = program.carrier in ("ltp", "datagram", "udpcl")

        def noise(neighbour: str) -> Noise:
            loss = program.loss
            if loss is None:
                loss = losses.loss(name, neighbour) if losses is not None else None
            return Noise(self._setup.seed, name, neighbour, loss if is_noisy else 0.0)

        number = next(m.ipn for m in self._setup.members if m.name == name)
        observed = Observed(name, IpnEid(0, number, 0), record)
        if program.carrier == "ltp":
            self._observers.append(observed)
        made = Attachment(
            name,
            self._setup.plan.contacts,
            self._loop,
            channel,
            record,
            self._gateways[name],
            keeps=program.carrier in STREAMS,
            queue_bytes=program.queue_bytes,
            make_noise=noise,
            observed=observed if program.carrier in ("udpcl", *STREAMS) else None,
        )
        with self._is_starting:
            self._attachments[name] = made
            early = self._too_early.pop(name, [])
        for neighbour, size_bytes in early:
            made.came_early(neighbour, size_bytes)
        return made

    def heard(self, event: Event) -> None:
        """Nodes of ours recorded this."""
        for observer in self._observers:
            observer.heard(event)

    def _listen(self, key: str, program: Attach, stack: ExitStack) -> None:
        number = next(m.ipn for m in self._setup.members if m.name == program.node)
        peer = None if program.peer is None else address_of(program.peer)
        neighbours = neighbours_of(program.node, self._setup)
        came = partial(self._came, program.node)
        eid = IpnEid(0, number, 0)
        gateway = Gateway(program.carrier, eid, neighbours, peer, came, self._back)
        stack.callback(gateway.stop)
        at: Address = address_of(program.listen)
        try:
            bound = gateway.start(*at)
        except OSError as fault:
            mend = f"cannot be had for {len(neighbours)} ports ({fault.strerror}): choose another"
            raise BadInput(Fault(str(self._attached.path), key, program.listen, mend)) from None
        self._gateways[program.node] = gateway
        for line in _where(program, neighbours, at.host, bound):
            self._tell(line)

    def _came(
        self, node: str, neighbour: str, octets: bytes, acknowledge: Acknowledge | None
    ) -> None:
        """On the ports' thread: the program sent something."""
        answer = None
        if acknowledge is not None:
            gateway = self._gateways[node]
            answer = partial(gateway.soon, acknowledge)
        with self._is_starting:
            attachment = self._attachments.get(node)
            if attachment is None and acknowledge is None:
                self._too_early.setdefault(node, []).append((neighbour, len(octets)))
        if attachment is None:  # the clock does not run yet
            if acknowledge is not None:
                acknowledge(False)
            return
        self._back(partial(attachment.came, neighbour, octets, answer))

    def _back(self, callback: Callable[[], object]) -> None:
        """Let something happen on the emulated loop's thread; when the run is over, nothing does."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(callback)

    def _write_plan(self, program: Attach) -> None:
        if program.plan is None:
            return
        numbers = {m.name: m.ipn for m in self._setup.members}
        plan = ContactPlan(self._setup.plan.contacts, self.start, numbers)
        path = self._attached.path.parent / program.plan
        for sentence in plan.save(path, program.plan_format):
            self._tell(sentence)

    def _warn(self, program: Attach) -> None:
        warnings.warn(
            f"{program.node}: {program.carrier} is acknowledged by the gateway, before the light "
            "time, not by the neighbour: for delay end to end use udpcl or ltp",
            UserWarning,
            stacklevel=2,
        )
