"""Nodes of ours over TCPCL on loopback: with each other, and with peers that mean no good."""

import asyncio
import contextlib
import socket
import statistics
import subprocess
import sys
from itertools import islice, repeat
from pathlib import Path

import pytest
from socket_network import HOST, PATIENCE_S, Calls, Collector, Networked, Pair, free_port

from dtn.bpa import Reason
from dtn.eid import parse_eid
from dtn.events import (
    BundleDeleted,
    BundleDelivered,
    BundleMalformed,
    BundleReceived,
    ContactEnded,
    ContactStarted,
    TransferFailed,
    TransferFinished,
    TransferStarted,
)
from dtn.tcpcl.codec import encode
from dtn.tcpcl.message import (
    ContactHeader,
    RefuseReason,
    SessionInit,
    TransferAck,
    TransferRefuse,
    TransferSegment,
)
from nodes.applications import Echo, Flow, Ping
from nodes.convergence.carrier import retry_delays
from nodes.convergence.connection import MAX_UNREAD_BYTES
from nodes.sqlite_store import SqliteStore

HERE = Path(__file__).parent
AT_ONCE = {"delays": lambda: repeat(0.0)}
HELLO = encode(ContactHeader()) + encode(SessionInit(20, 2**20, 2**28, "ipn:9.0"))
WHOLE = 3


async def raw(port, octets=b""):
    """A connection that the test itself speaks on, with little room for what it does not read."""
    own = socket.socket()
    own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    own.setblocking(False)
    await asyncio.get_running_loop().sock_connect(own, (HOST, port))
    reader, writer = await asyncio.open_connection(sock=own)
    writer.write(octets)
    return reader, writer


async def until_closed(reader):
    async with asyncio.timeout(PATIENCE_S):
        with contextlib.suppress(ConnectionError):
            return await reader.read()


# -- two of ours


async def test_bundles_go_both_ways_over_one_session():
    async with Pair() as pair:
        pair.a.send("b", b"there")
        pair.b.send("a", b"back")
        assert await pair.b.collector.have(1) == [b"there"]
        assert await pair.a.collector.have(1) == [b"back"]
        await pair.a.events.have(TransferFinished)
        await pair.b.events.have(TransferFinished)
        assert pair.a.node.agent.held() == []
        assert pair.b.events.of(BundleReceived)[0].previous == "a"
    assert len(pair.a.events.of(ContactEnded)) == len(pair.b.events.of(ContactEnded)) == 1


async def test_many_bundles_and_a_long_one_arrive_in_order():
    async with Pair(segment_bytes=1000, window_bytes=5000) as pair:
        sent = [bytes([number % 251]) * 700 for number in range(300)] + [bytes(3_000_000)]
        for payload in sent:
            pair.a.send("b", payload)
        assert await pair.b.collector.have(301) == sent


async def test_both_may_call_and_bundles_arrive_once():
    a, b = Networked("a", ["b"]), Networked("b", ["a"])
    carriers = {a: a.tcpcl(), b: b.tcpcl()}
    ports = {node: await node.socket_node.listen(carriers[node], HOST, 0) for node in (a, b)}
    a.socket_node.call(carriers[a], "b", HOST, ports[b])
    b.socket_node.call(carriers[b], "a", HOST, ports[a])
    for number in range(20):
        a.send("b", bytes([number]))
        b.send("a", bytes([number]))
    expected = [bytes([number]) for number in range(20)]
    assert await b.collector.have(20) == expected
    assert await a.collector.have(20) == expected
    for node in (a, b):
        await node.socket_node.stop()
        assert len(node.events.of(ContactStarted)) == len(node.events.of(ContactEnded)) == 1


async def test_a_ping_on_loopback_takes_less_than_three_milliseconds(capsys):
    count = 200
    async with Pair() as pair:
        await pair.a.events.have(ContactStarted)
        await pair.b.events.have(ContactStarted)
        pair.b.node.register(Echo(pair.b.node))
        flow = Flow(name="ping", service="5", destination=parse_eid("ipn:2.7"), lifetime_s=60.0)
        round_trips = []
        for _ in range(count):
            ping = Ping(pair.a.node, flow, 64, iter([pair.a.timers.time()]))
            delivered = len(pair.a.events.of(BundleDelivered))
            ping.start()
            await pair.a.events.have(BundleDelivered, delivered + 1)
            round_trips.append(ping.round_trips[0].round_trip_s)
    typical_s = statistics.median(round_trips)
    worst_s = statistics.quantiles(round_trips, n=20)[-1]
    with capsys.disabled():
        print(f"\nping over TCPCL: median {typical_s * 1e3:.2f} ms, p95 {worst_s * 1e3:.2f} ms")
    assert typical_s < 3e-3


async def test_tcp_nodelay_is_set_at_both_ends():
    async with Pair() as pair:
        for node, carrier in zip((pair.a, pair.b), pair.carriers, strict=True):
            await node.events.have(ContactStarted)
            (connection,) = carrier._connections
            used = connection.transport.get_extra_info("socket")
            assert used.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


# -- connections that come and go


@pytest.mark.row("L2")
def test_attempts_to_connect_are_ever_rarer_up_to_a_minute():
    assert list(islice(retry_delays(), 9)) == [1, 2, 4, 8, 16, 32, 60, 60, 60]


@pytest.mark.row("L2")
async def test_a_neighbour_that_is_not_there_yet_is_called_until_it_is():
    port = free_port()
    calls = Calls()
    a, b = Networked("a", ["b"]), Networked("b", ["a"])
    a.socket_node.call(a.tcpcl(delays=calls.delays), "b", HOST, port)
    a.send("b", b"patience")
    await calls.have(3)
    assert a.events.of(ContactStarted) == []
    carrier = b.tcpcl()
    b.socket_node.expect(carrier, "a")
    await b.socket_node.listen(carrier, HOST, port)
    assert await b.collector.have(1) == [b"patience"]
    await a.socket_node.stop()
    await b.socket_node.stop()


@pytest.mark.row("L21")
async def test_a_bundle_on_its_way_when_the_connection_breaks_goes_again():
    a = Networked("a", ["peer"])
    connections = asyncio.Queue()
    server = await asyncio.start_server(lambda *pair: connections.put_nowait(pair), HOST, 0)
    port = server.sockets[0].getsockname()[1]
    a.socket_node.call(a.tcpcl(**AT_ONCE), "peer", HOST, port)
    a.send("peer", b"again")
    for attempt in range(2):
        async with asyncio.timeout(PATIENCE_S):
            reader, writer = await connections.get()
            writer.write(HELLO)
            await a.events.have(TransferStarted, attempt + 1)
            header = await reader.readuntil(b"again")
        assert header
        if attempt == 0:
            writer.transport.abort()
            (failed,) = await a.events.have(TransferFailed)
            assert failed.reason.startswith("connection lost")
            assert len(a.node.agent.held()) == 1
    (started, _) = a.events.of(TransferStarted)
    length = started.size_bytes
    writer.write(encode(TransferAck(WHOLE, 0, length)))
    await a.events.have(TransferFinished)
    assert a.node.agent.held() == []
    writer.transport.abort()
    server.close()
    await a.socket_node.stop()


# -- what is safe


class FullStore:
    """A disk on which nothing fits any more."""

    def put(self, ref, bundle, now_s, stored):
        asyncio.get_running_loop().call_soon(stored, ref, False)

    def forget(self, ref):
        pass

    def __iter__(self):
        return iter(())


@pytest.mark.row("L15")
async def test_a_full_disk_refuses_the_bundle_and_the_sender_keeps_it():
    async with Pair(stores=(None, FullStore())) as pair:
        pair.b.node.agent.registered("3", False, 0.0)  # passive: what comes for it is stored
        pair.a.send("b", b"no room", to_service="3")
        (deleted,) = await pair.b.events.have(BundleDeleted)
        assert deleted.reason == Reason.DEPLETED_STORAGE
        pair.a.send("b", b"goes to an application")
        assert await pair.b.collector.have(1) == [b"goes to an application"]
        await pair.a.events.have(TransferFinished)
    assert len(pair.a.events.of(TransferFinished)) == 1
    assert len(pair.a.node.agent.held()) == 1


@pytest.mark.row("L15")
async def test_a_quota_that_is_used_up_refuses_the_bundle_too():
    async with Pair(b_options={"store_bytes": 300}) as pair:
        pair.b.node.agent.registered("3", False, 0.0)
        pair.a.send("b", bytes(1000), to_service="3")
        (deleted,) = await pair.b.events.have(BundleDeleted)
        assert deleted.reason == Reason.DEPLETED_STORAGE
        pair.a.send("b", bytes(10), to_service="3")
        await pair.a.events.have(TransferFinished)
        assert len(pair.b.node.agent.held()) == 1
    assert len(pair.a.events.of(TransferFinished)) == 1
    assert len(pair.a.node.agent.held()) == 1


@pytest.mark.row("L12")
async def test_a_bundle_is_acknowledged_when_it_is_in_the_store_and_found_after_a_restart(tmp_path):
    loop = asyncio.get_running_loop()
    store = SqliteStore(tmp_path / "store", loop)
    async with Pair(stores=(None, store)) as pair:
        pair.b.node.agent.registered("3", False, 0.0)
        for number in range(5):
            pair.a.send("b", bytes([number]), to_service="3")
        await pair.a.events.have(TransferFinished, 5)
        assert pair.a.node.agent.held() == []
    store.close()
    store = SqliteStore(tmp_path / "store", loop)
    again = Networked("b", ["a"], store, goes_up=False)
    again.node.restore(again.timers.time())
    collector = Collector("3")
    again.node.go_up(again.timers.time())
    again.node.register(collector)
    assert collector.payloads == [bytes([number]) for number in range(5)]
    store.close()
    store = SqliteStore(tmp_path / "store", loop)
    assert list(store) == []
    store.close()


NODE = """
import asyncio, sys
from pathlib import Path
sys.path[:0] = sys.argv[2:]
from nodes.sqlite_store import SqliteStore
from socket_network import Calls, HOST, Networked

async def main():
    store = SqliteStore(Path(sys.argv[1]), asyncio.get_running_loop())
    node = Networked("b", ["a"], store)
    node.node.agent.registered("3", False, 0.0)
    print(await node.socket_node.listen(node.tcpcl(), HOST, 0), flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@contextlib.contextmanager
def node_process(store):
    """Node b in a process of its own; gives the process and its port."""
    paths = [str(HERE), str(HERE.parent.parent)]
    arguments = [sys.executable, "-c", NODE, str(store), *paths]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process, int(process.stdout.readline())
        finally:
            process.kill()


async def test_what_a_killed_node_acknowledged_is_in_its_store(tmp_path):
    a = Networked("a", ["b"])
    with node_process(tmp_path / "store") as (process, port):
        a.socket_node.call(a.tcpcl(), "b", HOST, port)
        for number in range(2000):
            a.send("b", number.to_bytes(2, "big") * 500, to_service="3")
        await a.events.have(TransferFinished, 100)
        process.kill()  # SIGKILL, to its own pid
        await a.events.have(ContactEnded)
    await a.socket_node.stop()
    acknowledged = {event.bundle for event in a.events.of(TransferFinished)}
    assert len(acknowledged) + len(a.node.agent.held()) == 2000
    assert len(acknowledged) >= 100
    store = SqliteStore(tmp_path / "store", asyncio.get_running_loop())
    kept = {str(bundle.id) for _, bundle, _ in store}
    store.close()
    assert acknowledged <= kept


# -- peers that mean no good


@pytest.mark.row("L1", "L18")
@pytest.mark.parametrize(
    "octets",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x00",
        HELLO + b"\x08",
        HELLO + bytes.fromhex("01030000000000000000000000008000000000000000"),
        HELLO[:6] + b"\xff" * 100,
    ],
)
async def test_a_peer_that_sends_rubbish_costs_its_own_session(octets):
    async with Pair() as pair:
        reader, writer = await raw(pair.port, octets)
        await until_closed(reader)
        writer.close()
        pair.a.send("b", b"unharmed")
        assert await pair.b.collector.have(1) == [b"unharmed"]
        assert len(pair.a.events.of(ContactStarted)) == 1


async def test_a_bundle_that_is_none_costs_itself():
    async with Pair() as pair:
        reader, writer = await raw(pair.port, HELLO)
        writer.write(encode(TransferSegment(WHOLE, 0, b"\x9f\xff")))
        writer.write(encode(TransferSegment(WHOLE, 1, b"")))
        malformed = await pair.b.events.have(BundleMalformed, 2)
        assert [event.previous for event in malformed] == ["ipn:9.0", "ipn:9.0"]
        async with asyncio.timeout(PATIENCE_S):
            await reader.readuntil(encode(TransferAck(WHOLE, 1, 0)))
        writer.close()


async def test_a_peer_that_never_reads_is_given_up_and_memory_is_bounded():
    a = Networked("a", ["peer"])
    accepted = asyncio.get_running_loop().create_future()
    server = await asyncio.start_server(lambda *pair: accepted.set_result(pair), HOST, 0)
    carrier = a.tcpcl(acknowledgement_timeout_s=0.2, ending_timeout_s=0.2)
    a.socket_node.call(carrier, "peer", HOST, server.sockets[0].getsockname()[1])
    for _ in range(40):
        a.send("peer", bytes(1_000_000))
    _, writer = await accepted
    writer.transport.pause_reading()
    writer.write(HELLO)
    await a.events.have(ContactStarted)
    (connection,) = carrier._connections
    waiting = len(connection._unwritten) + connection.transport.get_write_buffer_size()
    assert waiting < MAX_UNREAD_BYTES
    (ended,) = await a.events.have(ContactEnded)
    assert ended.reason == "idle timeout"
    assert len(a.node.agent.held()) == 40
    writer.transport.abort()
    server.close()
    await a.socket_node.stop()


async def test_a_peer_that_asks_for_answers_and_reads_none_is_cut_off():
    async with Pair() as pair:
        _, writer = await raw(pair.port, HELLO)
        writer.transport.pause_reading()
        writer.write(encode(TransferSegment(2, 0, b"")))
        asking = encode(TransferSegment(0, 0, b"")) * 10_000
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(PATIENCE_S):
                while not writer.transport.is_closing():
                    writer.write(asking)
                    await writer.drain()
        assert writer.transport.is_closing()
        writer.transport.abort()
        pair.a.send("b", b"unharmed")
        assert await pair.b.collector.have(1) == [b"unharmed"]


async def test_a_node_that_is_down_acknowledges_nothing():
    async with Pair() as pair:
        await pair.b.events.have(ContactStarted)
        pair.b.node.go_down(pair.b.timers.time(), "power")
        pair.a.send("b", b"too early")
        await pair.a.events.have(TransferStarted)
        reader, writer = await raw(pair.port, HELLO + encode(TransferSegment(WHOLE, 0, b"x")))
        async with asyncio.timeout(PATIENCE_S):
            refusal = encode(TransferRefuse(RefuseReason.NO_RESOURCES, 0))
            assert (await reader.readuntil(refusal)).endswith(refusal)
        writer.close()
    assert pair.a.events.of(TransferFinished) == []
    assert len(pair.a.node.agent.held()) == 1
