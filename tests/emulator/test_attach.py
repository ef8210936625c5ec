"""Programs of others in the place of nodes: the file's faults, and runs in real time with a node over sockets."""

import asyncio
import contextlib
import re
import socket
import sys
from pathlib import Path

import pytest
from test_socket_node import Events, free_ports, said

from dtn.contact_plan import ContactPlan
from dtn.errors import BadInput
from dtn.events import BundleDelivered, BundleReceived
from emulator.attach import load
from emulator.cli import main
from emulator.log import read_log
from emulator.outside.control import ControlServer
from emulator.outside.running import RunningNode
from emulator.outside.settings import load as load_node
from emulator.scenario import load as load_scenario
from emulator.setup import from_scenario

HOST = "127.0.0.1"
PATIENCE_S = 60.0
LIGHT_S = 0.4
SCENARIO = """\
format = 1
name = "attached"
start = 2026-12-01T00:00:00Z
duration = "7s"
[[nodes]]
name = "a"
ipn = 1
role = "gateway"
[[nodes]]
name = "x"
ipn = 2
role = "gateway"
[[links]]
between = ["a", "x"]
rate_bps = 1e6
owlt_s = 0.4
"""
TRAFFIC = """\
[[traffic]]
name = "telemetry"
application = "telemetry"
from = "a"
to = "x"
size = "100 B"
period = "1s"
until = "4s"
lifetime = "1h"
"""
LTP = SCENARIO.replace('"attached"\n', '"attached"\nconvergence = "ltp"\n')
ATTACH = '[[attach]]\nnode = "x"\ncarrier = "udpcl"\n'


def written(tmp_path, scenario=SCENARIO + TRAFFIC, attach=ATTACH):
    (tmp_path / "scenario.toml").write_text(scenario)
    (tmp_path / "attach.toml").write_text(attach)
    return tmp_path / "scenario.toml", tmp_path / "attach.toml"


@pytest.mark.parametrize(
    ("attach", "key"),
    [
        ("", "attach"),
        (ATTACH.replace("udpcl", "pigeon"), "carrier"),
        (ATTACH.replace('"x"', '"y"'), "attach[0].node"),
        (ATTACH.replace('"x"', '"a"'), "attach[0].node"),  # it has traffic of its own
        (ATTACH * 2, "attach[1].node"),
        (ATTACH.replace("udpcl", "ltp"), "attach[0].carrier"),
        (ATTACH.replace("udpcl", "mtcp"), "attach[0].peer"),
        (ATTACH + 'listen = "nowhere"\n', "listen"),
        (ATTACH + 'plan_format = "prose"\n', "attach[0].plan_format"),
        (ATTACH + "loss = 1.5\n", "loss"),
    ],
)
def test_a_file_that_does_not_fit_is_told_why(tmp_path, attach, key):
    scenario, file = written(tmp_path, attach=attach)
    with pytest.raises(BadInput) as refused:
        load(file, from_scenario(load_scenario(scenario)))
    assert any(key in fault.key for fault in refused.value.faults)


def test_whole_bundles_do_not_go_over_ltp_links(tmp_path):
    scenario, file = written(tmp_path, LTP)
    with pytest.raises(BadInput, match="speaks LTP"):
        load(file, from_scenario(load_scenario(scenario)))


def test_programs_outside_need_a_clock_that_they_can_share(tmp_path, capsys):
    scenario, file = written(tmp_path)
    for rate, key in (([], "--attach"), (["--rate", "1", "--processes"], "attach[0].listen")):
        with pytest.raises(SystemExit) as ended:
            main(["run", str(scenario), "--attach", str(file), *rate])
        assert ended.value.code == 2
        assert key in capsys.readouterr().err


def test_an_address_that_is_taken_ends_the_run_in_words(tmp_path, capsys):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind((HOST, 0))
        at = f"{HOST}:{taken.getsockname()[1]}"
        scenario, file = written(tmp_path, attach=f'{ATTACH}listen = "{at}"\n')
        with pytest.raises(SystemExit) as ended:
            main(["run", str(scenario), "--rate", "1", "--attach", str(file)])
    assert ended.value.code == 2
    assert "attach[0].listen" in capsys.readouterr().err


class Run:
    """`lightlag run` in a process of its own, and what it says."""

    def __init__(self, scenario, attach, out, *options):
        self.words = [str(scenario), "--rate", "1", "--attach", str(attach), "--out", str(out)]
        self.words += options
        self.out = out
        self.said = ""

    async def __aenter__(self):
        self.process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", "from emulator.cli import main; main()", "run", *self.words),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )
        async with asyncio.timeout(PATIENCE_S):
            last = "at 127.0.0.1:" if "--processes" in self.words else "the clock starts"
            while last not in self.said:
                line = await self.process.stderr.readline()
                assert line, self.said
                self.said += line.decode()
        return self

    async def over(self):
        """Wait for its end; returns its events."""
        async with asyncio.timeout(PATIENCE_S):
            self.said += (await self.process.stderr.read()).decode()
            assert await self.process.wait() == 0, self.said
        return read_log(self.out / "events.jsonl").events

    def ports(self):
        return [int(port) for port in re.findall(rf"{HOST}:(\d+)", self.said)]

    async def __aexit__(self, *_):
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()


@pytest.mark.slow
@pytest.mark.realtime
async def test_a_node_outside_joins_a_constellation_of_processes(tmp_path):
    ours, theirs = free_ports(2, socket.SOCK_DGRAM)
    at = f'listen = "{HOST}:{ours}"\npeer = "{HOST}:{theirs}"\nplan = "x.json"\nplan_format = "json"\n'
    long = (SCENARIO + TRAFFIC).replace('"7s"', '"20s"').replace('until = "4s"', 'until = "18s"')
    scenario, attach = written(tmp_path, long, ATTACH + at)
    node = tmp_path / "node.toml"
    node.write_text(
        f'node = "ipn:2.0"\nservices = [10]\n[[listen]]\ncarrier = "udpcl"\n'
        f'at = "{HOST}:{theirs}"\n[[neighbours]]\nname = "a"\nnode = "ipn:1.0"\n'
        f'carrier = "udpcl"\nat = "{HOST}:{ours}"\n'
    )
    events = Events()
    outside = RunningNode(load_node(node), events.record)
    server = ControlServer(outside)
    await server.start()
    await outside.start()
    async with Run(scenario, attach, tmp_path / "out", "--processes") as run:
        await events.have(BundleReceived)  # the clock runs
        pings = await said(node, {"do": "ping", "to": "ipn:1.7"})
        log = await run.over()
    await server.stop()
    await outside.stop()
    assert pings[1]["intact"]
    assert 2 * LIGHT_S < pings[1]["round_trip_s"] < 5.0
    delivered = [event for event in log if isinstance(event, BundleDelivered) and event.node == "x"]
    assert len([event for event in delivered if event.service == "10"]) == 18
    assert ContactPlan.load(tmp_path / "x.json").ipn_numbers == {"a": 1, "x": 2}


@pytest.mark.slow
@pytest.mark.realtime
@pytest.mark.parametrize("carrier", ["udpcl", "ltp", "tcpcl", "mtcp"])
async def test_a_node_outside_is_a_node_of_the_emulation(tmp_path, carrier):
    datagrams = carrier in ("udpcl", "ltp")
    kind = socket.SOCK_DGRAM if datagrams else socket.SOCK_STREAM
    ours, theirs = free_ports(2, kind)
    at = f'listen = "{HOST}:{ours}"\npeer = "{HOST}:{theirs}"\nplan = "x.ionrc"\n'
    base = LTP if carrier == "ltp" else SCENARIO
    scenario, attach = written(tmp_path, base + TRAFFIC, ATTACH.replace("udpcl", carrier) + at)
    node = tmp_path / "node.toml"
    node.write_text(
        f'node = "ipn:2.0"\nservices = [10]\n[[listen]]\ncarrier = "{carrier}"\n'
        f'at = "{HOST}:{theirs}"\n[[neighbours]]\nname = "a"\nnode = "ipn:1.0"\n'
        f'carrier = "{carrier}"\nat = "{HOST}:{ours}"\n[ltp]\none_way = "2s"\n'
    )
    events = Events()
    outside = RunningNode(load_node(node), events.record)
    server = ControlServer(outside)
    await server.start()
    await outside.start()
    async with Run(scenario, attach, tmp_path / "out") as run:
        pings = [p for p in [await said(node, {"do": "ping", "to": "ipn:1.7"})] if len(p) == 2]
        log = await run.over()
    await server.stop()
    await outside.stop()
    ((_, answered),) = pings
    assert answered["intact"]
    assert 2 * LIGHT_S < answered["round_trip_s"] < 5.0
    delivered = [event for event in log if isinstance(event, BundleDelivered)]
    at_x = [event for event in delivered if event.node == "x"]
    assert len([event for event in at_x if event.service == "10"]) == 4
    if carrier == "udpcl":  # the light time, from the bundle's creation on
        sent = {round(event.t_s - LIGHT_S - 0.0015) for event in at_x if event.service == "10"}
        assert sent == {0, 1, 2, 3}
    assert ("acknowledged by the gateway" in run.said) == (not datagrams)
    plan = ContactPlan.load(tmp_path / "x.ionrc")
    assert {(c.source, c.destination) for c in plan.contacts} == {("1", "2"), ("2", "1")}
    assert f"{plan.start_utc:%H:%M:%SZ}" in run.said


@pytest.mark.slow
@pytest.mark.realtime
async def test_any_two_udp_programs_talk_across_the_light_time(tmp_path):
    at = ATTACH.replace("udpcl", "datagram")
    scenario, attach = written(tmp_path, SCENARIO, at + at.replace('"x"', '"a"'))
    loop = asyncio.get_running_loop()
    came = asyncio.Queue()

    class Program(asyncio.DatagramProtocol):
        def datagram_received(self, data, addr):
            came.put_nowait((loop.time(), data))

    async with Run(scenario, attach, tmp_path / "out") as run:
        here, there = [
            (await loop.create_datagram_endpoint(Program, remote_addr=(HOST, port)))[0]
            for port in run.ports()[:2]
        ]
        there.sendto(b"I am here")  # so that its port knows where it is
        await asyncio.sleep(3.0)  # the clock has begun: there is nothing else to wait for
        sent_s = loop.time()
        here.sendto(b"across")
        async with asyncio.timeout(PATIENCE_S):
            while True:
                arrived_s, data = await came.get()
                if data == b"across":
                    break
        assert LIGHT_S <= arrived_s - sent_s < LIGHT_S + 0.3
        here.close()
        there.close()
        await run.over()


def test_another_sky_begins_another_day(tmp_path, capsys):
    scenario, _ = written(tmp_path)
    out = tmp_path / "out"
    words = ["run", str(scenario), "--sky-at", "2027-03-01T12:00:00Z", "--out", str(out)]
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 0
    assert read_log(out / "events.jsonl").header.start_utc.startswith("2027-03-01T12:00")
    for wrong in ("yesterday", "2027-03-01T12:00:00", "1850-01-01T00:00:00Z"):
        with pytest.raises(SystemExit) as ended:
            main([*words[:3], wrong])
        assert ended.value.code == 2
    assert "--sky-at" in capsys.readouterr().err
