"""The dashboard's own process: it is told all, changes nothing, and ends with the run."""

from __future__ import annotations

import http.client
import json
import math
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import emulator
from dtn.contact_plan import Contact, ContactPlan
from dtn.errors import BadInput
from dtn.events import Event
from dtn.routing import load_strategy
from emulator.build import Network
from emulator.clock import EmulatedLoop
from emulator.dashboard.apart import Apart
from emulator.dashboard.live import Live
from emulator.dashboard.session import Session
from emulator.dashboard.source import Replay, Subject
from emulator.dashboard.watch import watch_run
from emulator.log import FILE_NAME
from emulator.setup import Demand, Member, Setup

NAMES = ("a", "b", "c", "d")
PLAN = ContactPlan(
    [
        Contact(x, y, start_s, start_s + 60.0, 8000.0, 2.0)
        for place, pair in enumerate((("a", "b"), ("b", "c"), ("c", "d"), ("a", "c")))
        for x, y in (pair, pair[::-1])
        for start_s in (place * 20.0, 150.0 + place * 20.0)
    ],
    ipn_numbers={name: number for number, name in enumerate(NAMES, 1)},
)


def setup_of(strategy: str = "sabr", bundles: int = 40) -> Setup:
    return Setup(
        name="four",
        sha256="00",
        start=None,
        duration_s=300.0,
        seed=1,
        strategy=strategy,
        plan=PLAN,
        members=tuple(Member(name=name, ipn=ipn) for name, ipn in PLAN.ipn_numbers.items()),
        demands=tuple(
            Demand(
                created_s=float(number % 7),
                source=NAMES[number % 4],
                destination=NAMES[(number + 1 + number % 3) % 4],
                size_bytes=700,
                lifetime_s=250.0,
            )
            for number in range(bundles)
        ),
    )


def subject_of(setup: Setup) -> Subject:
    return Subject(
        name=setup.name,
        strategy=setup.strategy,
        seed=1,
        start_utc="",
        duration_s=setup.duration_s,
        plan=setup.plan,
        names=NAMES,
        store_bytes={},
        geometry=None,
    )


@pytest.mark.parametrize("strategy", ["sabr", "epidemic"])
def test_a_watched_runs_log_is_the_unwatched_ones_octet_for_octet(
    tmp_path: Path, strategy: str
) -> None:
    setup, rate = setup_of(strategy), 1e4
    emulator.run(setup, rate=rate, out=tmp_path / "unwatched")
    watch_run(
        setup, None, rate, "127.0.0.1", 0, lambda url, token: None,
        out=tmp_path / "watched", stay=False,
    )  # fmt: skip
    unwatched = (tmp_path / "unwatched" / FILE_NAME).read_bytes()
    assert len(unwatched.splitlines()) > 200
    assert (tmp_path / "watched" / FILE_NAME).read_bytes() == unwatched


def test_the_page_of_a_run_that_is_over_knows_all_that_its_log_does() -> None:
    setup = setup_of(bundles=60)
    log: list[Event] = []
    with Apart(subject_of(setup)) as apart, EmulatedLoop(1e4) as loop:
        network = Network(setup, load_strategy("sabr"), loop, log.append)
        apart.show(Live(loop, network, log, 300.0, PLAN.ipn_numbers))
        network.end(loop.run(300.0))
        apart.finish(300.0)
        connection = http.client.HTTPConnection("127.0.0.1", urlsplit(apart.url).port, timeout=10)
        connection.request("GET", "/stream")
        stream = connection.getresponse()
        seen = {"live": True}
        while seen["live"]:
            line = stream.readline()
            seen = json.loads(line[5:]) if line.startswith(b"data:") else seen
        connection.close()
    told = Session(subject_of(setup), Replay(log, 300.0, 1.0, at_s=300.0))
    told.look()
    assert seen["counts"]["events"] == len(log)  # type: ignore[index]
    assert seen["counts"]["delivered"] == len(told.fold.deliveries) > 10  # type: ignore[index]
    assert apart._process.returncode == 0  # it went when the run did


def test_a_port_that_is_taken_is_told_of_before_anything_runs() -> None:
    with Apart(subject_of(setup_of())) as apart:
        port = int(apart.url.rstrip("/").rpartition(":")[2])
        with pytest.raises(BadInput, match="--port"), Apart(subject_of(setup_of()), port=port):
            pass


def test_a_run_whose_page_dies_goes_on_to_its_end() -> None:
    setup = setup_of()
    log: list[Event] = []
    with Apart(subject_of(setup)) as apart, EmulatedLoop(1e3) as loop:
        network = Network(setup, load_strategy("sabr"), loop, log.append)
        apart.show(Live(loop, network, log, 300.0, PLAN.ipn_numbers))
        loop.schedule(10.0, apart._process.kill)
        assert loop.run(300.0) == pytest.approx(300.0, abs=60.0)
        apart.finish(300.0)
    assert any(event.t_s > 150.0 for event in log)


def test_the_process_of_the_page_loads_no_network_of_nodes() -> None:
    code = (
        "import sys, emulator.dashboard.told; print({'emulator.build', 'scipy'} & set(sys.modules))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "set()\n"


def test_a_run_that_cannot_keep_its_pace_is_told_with_the_pace_that_it_has() -> None:
    setup = setup_of(bundles=0)
    log: list[Event] = []
    paces: list[float] = []
    with EmulatedLoop(1e6) as loop:
        network = Network(setup, load_strategy("sabr"), loop, log.append)
        session = Session(subject_of(setup), Live(loop, network, log, 300.0, PLAN.ipn_numbers))

        def work() -> None:
            time.sleep(0.02)
            session.look()
            paces.append(session.pace())

        for number in range(40):
            loop.schedule(float(number), work)
        loop.run(41.0)
    assert paces[0] == 1e6  # as long as nothing else is known
    assert 5.0 < paces[-1] <= 60.0  # at most one in 20 ms


# ------------------------------------------------------------- orders, on the short way and on the long

moments = st.integers(0, 25).map(lambda tens: tens * 10.0 + 0.5)
pairs = st.permutations(NAMES).map(lambda names: tuple(names[:2]))
orders = st.one_of(
    st.tuples(st.just("take_down"), moments, st.tuples(st.sampled_from(NAMES))),
    st.tuples(st.just("cut"), moments, pairs),
    st.tuples(st.just("send"), moments, pairs),
    st.tuples(
        st.just("follow"),
        moments,
        st.tuples(st.sampled_from(["direct", "epidemic", "spray_and_wait", "prophet", "cgr"])),
    ),
)
more: dict[str, tuple[object, ...]] = {
    "take_down": (20.0, "order"),
    "cut": (20.0, "order"),
    "send": (700, 200.0, 1),
    "follow": (),
}


def ordered(
    setup: Setup, given_orders: list[tuple[str, float, tuple[str, ...]]], express: bool
) -> list[Event]:
    log: list[Event] = []
    with EmulatedLoop(math.inf) as loop:
        network = Network(setup, load_strategy(setup.strategy), loop, log.append, express=express)
        live = Live(loop, network, log, 300.0, PLAN.ipn_numbers)
        for verb, at_s, about in given_orders:
            loop.schedule(at_s, partial(getattr(live, verb), *about, *more[verb]))
        network.end(loop.run(setup.duration_s))
    return log


@settings(max_examples=60, deadline=None)
@given(st.lists(orders, max_size=6), st.sampled_from(["sabr", "epidemic", "first_contact"]))
def test_what_is_ordered_has_the_same_events_whether_bundles_go_express_or_not(
    given_orders: list[tuple[str, float, tuple[str, ...]]], strategy: str
) -> None:
    setup = setup_of(strategy)
    assert ordered(setup, given_orders, True) == ordered(setup, given_orders, False)
