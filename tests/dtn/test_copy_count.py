"""Copy counts: what a strategy gives away with a bundle is what the next node may give away."""

from __future__ import annotations

import pytest

from dtn.bpa.copy_count import COPY_COUNT, decode_copy_count, encode_copy_count
from dtn.bundle import CanonicalBlock
from dtn.codec import decode, encode
from dtn.contact_plan import Contact
from dtn.events import BundleDelivered, TransferStarted
from dtn.routing import Hold, Send
from dtn.routing.strategy import STRATEGIES, Strategy
from tests.dtn.agents import Network
from tests.dtn.one_agent import bundle

STAR = [
    Contact("a", "b", 0.0, 100.0, 8000.0, 1.0),
    Contact("a", "c", 10.0, 100.0, 8000.0, 1.0),
    Contact("b", "d", 200.0, 300.0, 8000.0, 1.0),
    Contact("c", "d", 200.0, 300.0, 8000.0, 1.0),
]


def spray(view, bundle):
    """Binary spray and wait: half of the copies to everyone new, the last one to the destination alone."""
    view.memory.setdefault("tokens", []).append(bundle.tokens)
    fresh = [n.name for n in view.neighbours if bundle.id not in n.seen]
    if bundle.destination in fresh:
        return Send(bundle.destination)
    if bundle.tokens > 1 and fresh:
        return Send.copy(fresh[0], tokens=bundle.tokens // 2)
    return Hold()


def network_of(contacts, cuts=None, tokens=8, decide=spray, **options):
    STRATEGIES["test"] = Strategy("test", decide, {"tracks_copies": True, "tokens": tokens})
    try:
        return Network(contacts, strategy="test", cuts=cuts or {}, options=options)
    finally:
        del STRATEGIES["test"]


def seen(network, name):
    return network.agents[name].routing.memory.get("tokens", [])


def test_half_of_the_copies_arrive_with_the_bundle_and_half_stay():
    network = network_of(STAR)
    network.send("a", "d", at_s=1.0)
    network.run()
    assert seen(network, "a")[:2] == [8, 4]
    assert seen(network, "b")[0] == 4
    assert seen(network, "c")[0] == 2
    assert len(network.happened(BundleDelivered)) == 1


def test_a_bundle_is_sent_no_oftener_than_it_has_copies():
    everyone = [
        Contact("a", name, 10.0 * place, 1000.0, 8000.0, 0.1)
        for place, name in enumerate("bcdefghi")
    ]
    network = network_of([*everyone, Contact("i", "a-far-one", 5e3, 6e3, 8.0, 0.1)], tokens=4)
    network.send("a", "a-far-one", at_s=1.0)
    network.run(until_s=900.0)
    assert [event.node for event in network.happened(TransferStarted)] == [
        "a",
        "a",
    ]  # 4 = 2 + 1 + 1


def test_copies_whose_transfer_failed_are_there_to_give_away_again():
    def to_b(view, bundle):
        view.memory.setdefault("tokens", []).append(bundle.tokens)
        return Send.copy("b", tokens=5) if view.now_s < 1.02 else Hold()

    network = network_of(STAR[:1], cuts={("a", "b", 0.0): 1.05}, decide=to_b)
    network.send("a", "b", at_s=1.0, size=1000)
    network.run()
    assert seen(network, "a") == [8, 8]


def test_copies_that_waited_for_a_contact_in_vain_are_there_again():
    def to_c(view, bundle):
        view.memory.setdefault("tokens", []).append(bundle.tokens)
        return Send.copy("c", tokens=3) if view.now_s < 50 else Hold()

    contacts = [Contact("a", "c", 10.0, 60.0, 8.0, 1.0)]  # too slow for it
    network = network_of(contacts, decide=to_c)
    network.send("a", "c", at_s=1.0, size=1000)
    network.run(until_s=500.0)
    assert seen(network, "a")[0] == 8
    assert seen(network, "a")[-1] == 8


def test_a_count_is_carried_as_octets_and_goes_no_further_than_its_strategy_says():
    network = network_of(STAR)
    network.send("a", "d", at_s=0.0)
    network.run(until_s=0.0)
    (transfer,) = network.agents["a"].transfers.values()
    agent = network.agents["a"]
    leaving, size_bytes = agent.builder.outgoing(transfer.record, transfer.tokens, 0.0)
    octets = encode(leaving)
    assert len(octets) == size_bytes
    assert decode_copy_count(decode(octets).block(COPY_COUNT).data) == 4
    received = network_of(STAR, decide=lambda view, bundle: Send("d")).agents["b"]
    for output in received.receive_octets(octets, "a", 1.0, 1.0):
        if type(output).__name__ == "Store":
            received.stored(output.ref, 1.0)
    (record,) = received.holdings
    assert record.tokens == 4
    onward, _ = received.builder.outgoing(record, 0, 200.0)
    assert onward.block(COPY_COUNT) is None


@pytest.mark.parametrize("tokens", [0, 1, 23, 24, 2**32 - 1])
def test_a_copy_count_reads_back(tokens):
    assert decode_copy_count(encode_copy_count(tokens)) == tokens


@pytest.mark.parametrize(
    "data", [b"", b"\x20", b"\x01\x01", b"\x1b" + b"\xff" * 8, b"\x61a", b"\xff"]
)
def test_a_copy_count_that_cannot_be_read_is_none(data):
    assert decode_copy_count(data) == 0
    agent = network_of(STAR).agents["b"]
    strange = bundle(CanonicalBlock(COPY_COUNT, 9, 0, 0, data), destination="ipn:4.1")
    assert agent.receive(strange, "a", 1.0, 99, 1.0)
    assert [record.tokens for record in agent.holdings] == [0]
