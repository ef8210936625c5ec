"""Setup: everything that a run needs to know, whether from a scenario or from files of the user's.

Who is there and from when, who sends what to whom, what fails when. Nobody who has one asks the scenario any more, and
no ephemeris is needed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from dtn.bpsec.policy import SecurityRule
from dtn.bundle import CrcType
from dtn.contact_plan import ContactPlan
from nodes.applications.inference import InferenceTerms
from nodes.applications.plan_news import News
from nodes.computing.executor import Computing
from nodes.convergence.ltp_options import LtpOptions
from nodes.faults import LinkOutage, NodeOutage
from nodes.spacecraft.launching import Driver
from nodes.spacecraft.options import SpacecraftOptions, Storm


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSettings:
    """What a scenario says of a node's bundle protocol agent; see `dtn.bpa.AgentOptions`.

    Args:
        fragment: whether a bundle that no remaining contact can take whole is fragmented.
        status_reports: whether requested status reports are made.
        lifetime_override_s: a shorter lifetime that holds at this node only.
        hop_limit: of bundles sourced here.
        crc_type: of bundles sourced here.
    """

    fragment: bool = False
    status_reports: bool = False
    lifetime_override_s: float = math.inf
    hop_limit: int = 64
    crc_type: int = CrcType.CRC32C


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A node of the network.

    Args:
        name: its name.
        ipn: its node number.
        store_bytes: quota of its store.
        joins_s: when it joins; a launched satellite's launch.
        agent: how its bundle protocol agent goes about its work.
        body: that it stands on, such as moon; "" if on none.
        computing: what it computes with, if it does.
        transmit_w: what its strongest terminal sends with.
        spacecraft: its power, heat and radiation; None: without limits.
    """

    name: str
    ipn: int
    store_bytes: float = math.inf
    joins_s: float = 0.0
    agent: AgentSettings = AgentSettings()
    body: str = ""
    computing: Computing | None = None
    transmit_w: float = 0.0
    spacecraft: SpacecraftOptions | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """One pair of nodes of a flow of traffic: what the application sends from when until when.

    Args:
        flow: the traffic's name.
        application: telemetry, file, ping, request or inference.
        service: the service part of its endpoints.
        source: name of the node that sends.
        destination: name of the node it is for.
        size_bytes: of a message, a file or a ping.
        chunk_bytes: payload of a file's bundles.
        period_s: from one to the next; a Poisson process's mean.
        process: periodic, poisson or on-off.
        lifetime_s: of each bundle.
        priority: 0 bulk, 1 normal, 2 expedited.
        first_s: when it begins.
        until_s: when it ends.
        on_s: mean length of an on-off process's spells.
        off_s: mean silence between them.
        response_bytes: what a request is answered with.
        think_s: from a request's arrival to its response.
        report_flags: bundle processing control flags that ask for status reports.
        job: what is to be decided about each event of an inference, at its source.
    """

    flow: str
    application: Literal["telemetry", "file", "ping", "request", "inference"]
    service: str
    source: str
    destination: str
    size_bytes: int
    chunk_bytes: int
    period_s: float
    process: Literal["periodic", "poisson", "on-off"]
    lifetime_s: float
    priority: int
    first_s: float
    until_s: float
    on_s: float = math.inf
    off_s: float = math.inf
    response_bytes: int = 0
    think_s: float = 0.0
    report_flags: int = 0
    job: InferenceTerms | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """One bundle to be sourced.

    Args:
        created_s: when, seconds from the start.
        source: name of the node that sources it.
        destination: name of the node it is for.
        size_bytes: length of the payload.
        lifetime_s: after which it is of no use.
        priority: 0 bulk, 1 normal, 2 expedited.
        flow: name of the traffic that it belongs to.
    """

    created_s: float
    source: str
    destination: str
    size_bytes: int
    lifetime_s: float
    priority: int = 1
    flow: str = "traffic"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What is to be run.

    Args:
        name: the scenario's name.
        sha256: hexadecimal digest of the files it comes from.
        start: the instant that seconds count from; None where there is no date.
        duration_s: how long it lasts.
        seed: where all randomness comes from.
        strategy: the routing strategy, by name or `my_file.py:function`.
        plan: the contacts.
        members: the nodes, in order.
        streams: traffic of applications.
        demands: traffic as single bundles.
        outages: what fails.
        news: how what nodes know of the plan comes to differ from what it is; versions 1, 2, ... in order.
        drivers: mass drivers that draw from a node; other satellites join when it is their time.
        storms: of particles.
        security: which operations bundles have, and who adds, verifies and accepts them.
        ltp: how bundles travel in LTP blocks; None: each travels whole, and what is lost is lost.
        real_dates: whether bundles are dated by the real clock, because others take part who have no other.
        source: the words of the command line that name the files, a line each.
    """

    name: str
    sha256: str
    start: datetime | None
    duration_s: float
    seed: int
    strategy: str
    plan: ContactPlan
    members: tuple[Member, ...]
    streams: tuple[Stream, ...] = ()
    demands: tuple[Demand, ...] = ()
    outages: tuple[NodeOutage | LinkOutage, ...] = ()
    news: tuple[News, ...] = ()
    drivers: tuple[Driver, ...] = ()
    storms: tuple[Storm, ...] = ()
    security: tuple[SecurityRule, ...] = ()
    ltp: LtpOptions | None = None
    real_dates: bool = False
    source: str = ""


def changed(
    setup: Setup, *, seed: int | None, strategy: str | None, until_s: float | None
) -> Setup:
    """The same with what the command line says otherwise."""
    return replace(
        setup,
        seed=setup.seed if seed is None else seed,
        strategy=setup.strategy if strategy is None else strategy,
        duration_s=setup.duration_s if until_s is None else min(until_s, setup.duration_s),
    )
