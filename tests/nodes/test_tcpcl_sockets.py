"""Two of our nodes over TCPCL on loopback."""

from socket_network import Pair

from dtn.events import ContactEnded, TransferFinished


async def test_bundles_go_both_ways_over_one_session():
    async with Pair() as pair:
        pair.a.send("b", b"there")
        pair.b.send("a", b"back")
        assert await pair.b.collector.have(1) == [b"there"]
        assert await pair.a.collector.have(1) == [b"back"]
        await pair.a.events.have(TransferFinished)
        await pair.b.events.have(TransferFinished)
        assert pair.a.node.agent.held() == []
    assert [event.reason for event in pair.a.events.of(ContactEnded)] == ["unknown"]


async def test_many_bundles_and_a_long_one_arrive_in_order():
    async with Pair(segment_bytes=1000, window_bytes=5000) as pair:
        sent = [bytes([number % 251]) * 700 for number in range(300)] + [bytes(3_000_000)]
        for payload in sent:
            pair.a.send("b", payload)
        assert await pair.b.collector.have(301) == sent
