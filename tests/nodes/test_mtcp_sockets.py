"""MTCP: byte strings of CBOR on a stream, and nodes that speak it."""

import asyncio
from itertools import repeat

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from socket_network import HOST, PATIENCE_S, Networked, free_port

from dtn.events import BundleMalformed, BundleReceived, ContactEnded, ContactStarted
from nodes.convergence.mtcp import ByteStrings, NotMtcpError

AT_ONCE = {"delays": lambda: repeat(0.0)}


@given(st.lists(st.binary(max_size=300)), st.integers(1, 50))
def test_byte_strings_are_the_same_wherever_the_stream_is_cut(strings, piece):
    stream = b"".join(map(cbor2.dumps, strings))
    reader = ByteStrings()
    found = []
    for at in range(0, len(stream), piece):
        found += reader.feed(stream[at : at + piece])
    assert found == strings


@pytest.mark.parametrize("head", ["40", "5800", "590000", "5a00000000", "5b0000000000000000"])
def test_heads_of_any_length_are_taken(head):
    assert list(ByteStrings().feed(bytes.fromhex(head))) == [b""]


@pytest.mark.parametrize(
    "octets", ["00", "9f", "60", "5f", "5c", "ff", "5b8000000000000000", "5a00000401"]
)
def test_anything_else_or_a_length_above_what_is_taken_is_refused_before_it_comes(octets):
    with pytest.raises(NotMtcpError):
        list(ByteStrings(1024).feed(bytes.fromhex(octets)))


@given(st.binary(max_size=100))
def test_any_octets_are_byte_strings_or_refused(octets):
    reader = ByteStrings(1024)
    try:
        found = list(reader.feed(octets))
    except NotMtcpError:
        return
    assert sum(map(len, found)) <= len(octets)


async def both_ways():
    a, b = Networked("a", ["b"]), Networked("b", ["a"])
    carriers = {node: node.mtcp(**AT_ONCE) for node in (a, b)}
    ports = {node: await node.socket_node.listen(carriers[node], HOST, 0) for node in (a, b)}
    a.socket_node.call(carriers[a], "b", HOST, ports[b])
    b.socket_node.call(carriers[b], "a", HOST, ports[a])
    return a, b, ports


async def stop(*nodes):
    async with asyncio.timeout(PATIENCE_S):
        for node in nodes:
            await node.socket_node.stop()


async def test_bundles_go_both_ways_over_a_connection_each():
    a, b, _ = await both_ways()
    sent = [bytes([number % 251]) * 900 for number in range(200)] + [bytes(2_000_000), b"end"]
    for payload in sent:
        a.send("b", payload)
    b.send("a", b"back")
    assert await b.collector.have(len(sent)) == sent
    assert await a.collector.have(1) == [b"back"]
    await stop(a, b)
    assert len(a.events.of(ContactEnded)) == 1


@pytest.mark.parametrize("rubbish", [b"\x00", b"\x9f", b"\x5b\xff\xff\xff\xff\xff\xff\xff\xff"])
async def test_rubbish_costs_its_own_connection(rubbish):
    a, b, ports = await both_ways()
    reader, writer = await asyncio.open_connection(HOST, ports[b])
    writer.write(rubbish)
    async with asyncio.timeout(PATIENCE_S):
        assert await reader.read() == b""
    writer.close()
    a.send("b", b"unharmed")
    assert await b.collector.have(1) == [b"unharmed"]
    await stop(a, b)


async def test_an_empty_byte_string_is_a_keepalive_and_one_that_is_no_bundle_costs_itself():
    a, b, ports = await both_ways()
    _, writer = await asyncio.open_connection(HOST, ports[b])
    writer.write(b"\x40\x40" + b"\x42\x9f\xff" + b"\x40")
    (malformed,) = await b.events.have(BundleMalformed)
    assert malformed.size_bytes == 2
    assert b.events.of(BundleReceived) == []
    writer.close()
    await stop(a, b)


async def test_a_neighbour_that_is_lost_is_called_again():
    a = Networked("a", ["b"])
    port = free_port()
    a.socket_node.call(a.mtcp(**AT_ONCE), "b", HOST, port)
    for turn in range(1, 3):
        connections = asyncio.Queue()
        server = await asyncio.start_server(
            lambda *pair, queue=connections: queue.put_nowait(pair), HOST, port
        )
        _, writer = await connections.get()
        await a.events.have(ContactStarted, turn)
        server.close()
        writer.transport.abort()
        await a.events.have(ContactEnded, turn)
    await stop(a)
