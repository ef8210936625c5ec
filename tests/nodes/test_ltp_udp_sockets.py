"""LTP over UDP on loopback: blocks both ways, through loss, and what comes that is no segment."""

import asyncio
import random

import pytest
from socket_network import HOST, PATIENCE_S, Networked
from test_udpcl_sockets import Datagrams

from dtn.errors import InvalidValue
from dtn.events import BundleMalformed, TransferFailed, TransferFinished
from dtn.ltp.authentication import Authentication, HmacSha1
from dtn.ltp.options import EngineOptions
from dtn.ltp.segment import DataSegment, decode_segment


class Lossy(asyncio.DatagramProtocol):
    """Stands between two nodes, and loses datagrams by chance."""

    def __init__(self, loss):
        self.rng = random.Random(3)
        self.loss = loss
        self.lost = 0
        self.ends = {}

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        if self.rng.random() < self.loss:
            self.lost += 1
            return
        self.transport.sendto(data, self.ends[addr])


async def pair(loss=0.0, **options):
    """Nodes a and b with a lossy wire between them."""
    nodes = Networked("a", ["b"]), Networked("b", ["a"])
    carriers = [node.ltp(**options) for node in nodes]
    ports = [
        await node.socket_node.listen(carrier, HOST, 0)
        for node, carrier in zip(nodes, carriers, strict=True)
    ]
    loop = asyncio.get_running_loop()
    _, wire = await loop.create_datagram_endpoint(lambda: Lossy(loss), local_addr=(HOST, 0))
    wire.ends = {(HOST, ports[0]): (HOST, ports[1]), (HOST, ports[1]): (HOST, ports[0])}
    at = wire.transport.get_extra_info("sockname")[1]
    for node, carrier, other in zip(nodes, carriers, ("b", "a"), strict=True):
        node.socket_node.call(carrier, other, HOST, at)
    return *nodes, wire


async def stop(*nodes):
    for node in nodes:
        await node.socket_node.stop()


async def test_bundles_go_both_ways_and_are_done_when_the_report_is_back():
    a, b, wire = await pair()
    for number in range(20):
        a.send("b", bytes([number]) * 5000)
        b.send("a", bytes([number]) * 50)
    assert sorted(await b.collector.have(20)) == [bytes([n]) * 5000 for n in range(20)]
    await a.collector.have(20)
    await a.events.have(TransferFinished, 20)
    await b.events.have(TransferFinished, 20)
    await stop(a, b)
    wire.transport.close()


async def test_what_the_network_loses_is_sent_again():
    a, b, wire = await pair(loss=0.2, one_way_s=0.02)
    payloads = [random.Random(n).randbytes(20_000) for n in range(10)]
    for payload in payloads:
        a.send("b", payload)
    assert sorted(await b.collector.have(10)) == sorted(payloads)
    await a.events.have(TransferFinished, 10)
    assert wire.lost > 10
    await stop(a, b)
    wire.transport.close()


async def test_a_megabyte_arrives_at_the_pace_it_is_given():
    a, b, wire = await pair(rate_bps=40e6, one_way_s=0.5)
    began_s = a.timers.time()
    a.send("b", bytes(1_000_000))
    await b.collector.have(1)
    assert a.timers.time() - began_s > 0.9 * 8e6 / 40e6
    await stop(a, b)
    wire.transport.close()


async def with_peer(**options):
    a = Networked("a", ["peer"])
    carrier = a.ltp(**options)
    port = await a.socket_node.listen(carrier, HOST, 0)
    peer = await Datagrams.at_loopback()
    a.socket_node.call(carrier, "peer", HOST, peer.port)
    return a, port, peer


@pytest.mark.row("M25")
async def test_a_datagram_holds_one_segment():
    a, _, peer = await with_peer(options=EngineOptions(segment_bytes=500))
    a.send("peer", bytes(2000))
    segments = []
    while not (segments and segments[-1].checkpoint):
        segments.append(decode_segment(await peer.next()))  # all of it, or a fault
    assert all(isinstance(segment, DataSegment) for segment in segments)
    assert {segment.session.originator for segment in segments} == {1}
    peer.transport.close()
    await stop(a)


async def test_a_peer_that_never_answers_gives_the_bundle_back():
    a, _, peer = await with_peer(
        one_way_s=0.01, options=EngineOptions(checkpoint_limit=2, cancel_limit=0)
    )
    a.send("peer", b"hello")
    async with asyncio.timeout(PATIENCE_S):
        (failed,) = await a.events.have(TransferFailed)
    assert "reason 2" in failed.reason  # RLEXC
    peer.transport.close()
    await stop(a)


async def test_neither_strangers_nor_keepalives_nor_rubbish_stop_the_listener():
    a, port, peer = await with_peer()
    stranger = await Datagrams.at_loopback()
    for octets in (b"", b"\0", bytes(4), b"\xff" * 40, bytes(1400)):
        for sender in (peer, stranger):
            sender.transport.sendto(octets, (HOST, port))
    a.send("peer", b"still here")
    assert isinstance(decode_segment(await peer.next()), DataSegment)
    assert a.events.of(BundleMalformed) == []
    peer.transport.close()
    stranger.transport.close()
    await stop(a)


async def test_signed_links_hear_nobody_else():
    key, other = HmacSha1(b"k" * 16), HmacSha1(b"o" * 16)
    a, b, wire = await pair(authentication=dict.fromkeys("ab", Authentication(key, key)))
    a.send("b", b"signed")
    assert await b.collector.have(1) == [b"signed"]
    await stop(a, b)
    wire.transport.close()
    a, _, peer = await with_peer(authentication={"peer": Authentication(key, other)})
    a.send("peer", b"signed")
    assert decode_segment(await peer.next()).extensions.trailer
    peer.transport.close()
    await stop(a)


@pytest.mark.parametrize("wrong", [{"one_way_s": 0.0}, {"rate_bps": -1.0}])
async def test_numbers_that_cannot_be_are_refused(wrong):
    with pytest.raises(InvalidValue):
        Networked("a", ["b"]).ltp(**wrong)
