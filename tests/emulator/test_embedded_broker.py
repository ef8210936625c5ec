"""A constellation over the broker in Python, on a machine without Mosquitto."""

from __future__ import annotations

import pytest

from dtn.contact_plan import Contact, ContactPlan
from emulator.constellation.embedded_broker import EmbeddedBroker, has_amqtt
from emulator.constellation.processes import run_processes
from emulator.setup import Demand, Member, Setup

pytestmark = [
    pytest.mark.slow,
    pytest.mark.realtime,
    pytest.mark.skipif(not has_amqtt(), reason="no amqtt here: pip install -e '.[broker]'"),
]


def test_processes_exchange_bundles_over_it() -> None:
    contacts = [Contact(x, y, 0.0, 60.0, 1e6, 2.0) for x, y in ("ab", "ba", "bc", "cb")]
    setup = Setup(
        name="embedded",
        sha256="",
        start=None,
        duration_s=60.0,
        seed=1,
        strategy="sabr",
        plan=ContactPlan(contacts),
        members=tuple(Member(name=name, ipn=n) for n, name in enumerate("abc", 1)),
        demands=tuple(
            Demand(created_s=1.0 + n, source="a", destination="c", size_bytes=1000, lifetime_s=1e4)
            for n in range(40)
        ),
    )
    with EmbeddedBroker() as embedded:
        result = run_processes(setup, 5.0, broker=embedded.broker)
    assert result.summary["bundles"]["delivered"] == result.summary["bundles"]["sourced"] == 40
    assert result.summary["hops"] == 80
