"""The nodes of a scenario and the satellites that it launches, each with what it has."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from dtn.bundle import CrcType
from emulator.setup.setup import AgentSettings, Member
from nodes.computing.executor import Computing

if TYPE_CHECKING:
    from emulator.scenario import Scenario
    from emulator.scenario.agent import Agent
    from emulator.scenario.computing import Computing as ComputingTable

CRC_TYPES = {"crc16": CrcType.CRC16_X25, "crc32c": CrcType.CRC32C}


def members_of(scenario: Scenario) -> Iterator[Member]:
    """Its nodes in order, then the satellites in order of launch."""
    from emulator.scenario.computing import body_of

    for node in scenario.nodes:
        yield Member(
            name=node.name,
            ipn=node.ipn,
            store_bytes=node.store_bytes,
            agent=_agent(scenario.agent.changed_by(node.agent)),
            body=body_of(node),
            computing=_computing(node.computing),
            transmit_w=_transmit_w(scenario, node.terminals),
        )
    for launch in scenario.launches():
        satellites = launch.driver.satellites
        yield Member(
            name=launch.name,
            ipn=launch.ipn,
            store_bytes=satellites.store_bytes,
            joins_s=launch.t_s,
            agent=_agent(scenario.agent.changed_by(satellites.agent)),
            computing=_computing(satellites.computing),
            transmit_w=_transmit_w(scenario, satellites.terminals),
        )


def _computing(table: ComputingTable | None) -> Computing | None:
    return None if table is None else table.options()


def _transmit_w(scenario: Scenario, terminals: tuple[str, ...]) -> float:
    return max((scenario.terminals[name].power_w for name in terminals), default=0.0)


def _agent(table: Agent) -> AgentSettings:
    override_s = table.lifetime_override_s
    return AgentSettings(
        fragment=table.fragment,
        status_reports=table.status_reports,
        lifetime_override_s=math.inf if override_s is None else override_s,
        hop_limit=table.hop_limit,
        crc_type=CRC_TYPES[table.crc],
    )
