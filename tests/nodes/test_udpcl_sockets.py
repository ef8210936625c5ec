"""UDPCL, row by row, on loopback."""

import asyncio
import socket

import pytest
from socket_network import HOST, PATIENCE_S, Networked

from dtn.bundle import BundleFlag
from dtn.codec import decode
from dtn.errors import InvalidValue
from dtn.events import BundleMalformed, BundleReceived, TransferFinished
from nodes.convergence.udpcl import KEEPALIVE, LEAST_KEEPALIVE_S


class Datagrams(asyncio.DatagramProtocol):
    """A peer that is the test itself: a socket, and what came to it."""

    def __init__(self):
        self.came = asyncio.Queue()

    def datagram_received(self, data, addr):
        self.came.put_nowait(data)

    @classmethod
    async def at_loopback(cls):
        loop = asyncio.get_running_loop()
        transport, self = await loop.create_datagram_endpoint(cls, local_addr=(HOST, 0))
        self.transport = transport
        self.port = transport.get_extra_info("sockname")[1]
        return self

    async def next(self):
        async with asyncio.timeout(PATIENCE_S):
            return await self.came.get()


async def with_peer(**options):
    """Node a, the port it listens at, and a peer that it knows."""
    a = Networked("a", ["peer"])
    carrier = a.udpcl(**options)
    port = await a.socket_node.listen(carrier, HOST, 0)
    peer = await Datagrams.at_loopback()
    a.socket_node.call(carrier, "peer", HOST, peer.port)
    return a, port, peer, carrier


async def stop(a, peer):
    await a.socket_node.stop()
    peer.transport.close()


@pytest.mark.row("N1")
async def test_a_bundle_goes_in_one_datagram():
    a, _, peer, _ = await with_peer()
    a.send("peer", bytes(5000))
    assert decode(await peer.next()).payload == bytes(5000)
    await a.events.have(TransferFinished)
    await stop(a, peer)


@pytest.mark.row("N1")
async def test_nodes_of_ours_know_each_other_by_their_addresses():
    a, b = Networked("a", ["b"]), Networked("b", ["a"])
    carriers = {node: node.udpcl() for node in (a, b)}
    ports = {node: await node.socket_node.listen(carriers[node], HOST, 0) for node in (a, b)}
    a.socket_node.call(carriers[a], "b", HOST, ports[b])
    b.socket_node.call(carriers[b], "a", HOST, ports[a])
    for number in range(10):
        a.send("b", bytes([number]))
    b.send("a", b"back")
    assert sorted(await b.collector.have(10)) == [bytes([number]) for number in range(10)]
    assert await a.collector.have(1) == [b"back"]
    assert {event.previous for event in b.events.of(BundleReceived)} == {"a"}
    await a.socket_node.stop()
    await b.socket_node.stop()


@pytest.mark.row("N1", "N5")
async def test_nothing_that_comes_stops_the_listener_and_keepalives_are_not_noticed():
    a, port, peer, _ = await with_peer()
    b = Networked("b", ["a"])
    carrier = b.udpcl()
    await b.socket_node.listen(carrier, HOST, 0)
    rubbish = [b"", b"\x00", b"\x9f", bytes(3), bytes(5), b"\xff" * 60_000]
    with socket.socket(type=socket.SOCK_DGRAM) as stranger:  # asyncio sends no empty datagrams
        stranger.bind((HOST, 0))
        name = f"{HOST}:{stranger.getsockname()[1]}"
        for octets in [KEEPALIVE, *rubbish, KEEPALIVE]:
            stranger.sendto(octets, (HOST, port))
    malformed = await a.events.have(BundleMalformed, len(rubbish))
    assert [event.size_bytes for event in malformed] == [0, 1, 1, 3, 5, 60_000]
    assert {event.previous for event in malformed} == {name}
    b.socket_node.call(carrier, "a", HOST, port)
    b.send("a", b"unharmed")
    assert await a.collector.have(1) == [b"unharmed"]
    assert len(a.events.of(BundleMalformed)) == len(rubbish)
    await b.socket_node.stop()
    await stop(a, peer)


class SteppedTimers:
    """Wall timers whose time a test sets: what is due is called by `go`."""

    def __init__(self):
        self.now_s = 0.0
        self.calls = []

    def time(self):
        return self.now_s

    def call_at(self, when_s, callback, *args):
        entry = [when_s, callback, args]
        self.calls.append(entry)
        entry_cancel = self.calls.remove
        return type("Handle", (), {"cancel": lambda handle: entry_cancel(entry)})()

    def go(self, until_s):
        while due := [entry for entry in self.calls if entry[0] <= until_s]:
            entry = min(due, key=lambda entry: entry[0])
            self.calls.remove(entry)
            self.now_s = entry[0]
            entry[1](*entry[2])
        self.now_s = until_s


@pytest.mark.row("N2")
async def test_keepalives_go_to_neighbours_that_are_sent_nothing_else():
    assert LEAST_KEEPALIVE_S == 15.0
    a = Networked("a", ["peer"])
    a.timers = SteppedTimers()
    carrier = a.udpcl()
    await carrier.listen(HOST, 0)
    peer = await Datagrams.at_loopback()
    carrier.call("peer", HOST, peer.port)
    a.timers.go(14.9)
    assert peer.came.empty()
    a.timers.go(15.0)
    assert await peer.next() == KEEPALIVE
    a.timers.go(29.9)
    carrier._send("peer", b"a bundle, say")
    assert await peer.next() == b"a bundle, say"
    a.timers.go(44.8)
    assert peer.came.empty()
    a.timers.go(45.0)
    assert await peer.next() == KEEPALIVE
    await carrier.stop()
    peer.transport.close()


@pytest.mark.row("N2")
@pytest.mark.parametrize(
    "options", [{"keepalive_s": 14.9}, {"max_bytes": 0}, {"max_bytes": 70_000}]
)
async def test_what_the_rfc_does_not_allow_is_refused(options):
    a = Networked("a", ["peer"])
    with pytest.raises(InvalidValue):
        a.udpcl(**options)


@pytest.mark.row("N3")
async def test_a_bundle_longer_than_a_datagram_is_fragmented_as_a_bundle():
    a, _, peer, carrier = await with_peer(max_bytes=1400)
    used = carrier._transport.get_extra_info("socket")
    assert used.getsockopt(socket.IPPROTO_IP, 10) == 2  # Linux: IP never fragments
    a.send("peer", bytes(range(256)) * 40)
    payload = b""
    while len(payload) < 10_240:
        datagram = await peer.next()
        assert len(datagram) <= 1400
        piece = decode(datagram)
        assert piece.primary.fragment.offset_bytes == len(payload)
        payload += piece.payload
    assert payload == bytes(range(256)) * 40
    a.send("peer", bytes(10_240), flags=BundleFlag.MUST_NOT_FRAGMENT)
    a.send("peer", b"others go on")
    assert decode(await peer.next()).payload == b"others go on"
    assert len(a.node.agent.held()) == 1
    await stop(a, peer)


@pytest.mark.row("N4")
async def test_the_checksum_is_on():
    a, _, peer, carrier = await with_peer()
    used = carrier._transport.get_extra_info("socket")
    so_no_check = 11  # Linux
    assert used.getsockopt(socket.SOL_SOCKET, so_no_check) == 0
    await stop(a, peer)
