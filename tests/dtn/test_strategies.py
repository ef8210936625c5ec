"""Strategies, and what the engine does with what they say."""

from __future__ import annotations

import pytest

from dtn.bpa.route_record import decode_route_record, encode_route_record
from dtn.contact_plan import Contact
from dtn.errors import BadInput, StrategyFault
from dtn.events import (
    BundleDeleted,
    BundleDelivered,
    BundleReceived,
    RouteComputed,
    TransferStarted,
)
from dtn.routing import Drop, Hold, Send, load_strategy
from dtn.routing.strategy import STRATEGIES, Strategy
from tests.dtn.agents import Network

DIAMOND = [
    Contact("a", "b", 0.0, 50.0, 8000.0, 1.0),
    Contact("a", "c", 0.0, 50.0, 8000.0, 1.0),
    Contact("b", "d", 60.0, 90.0, 8000.0, 1.0),
    Contact("c", "d", 20.0, 90.0, 8000.0, 1.0),
    Contact("a", "d", 200.0, 250.0, 8000.0, 1.0),
]


@pytest.mark.parametrize(
    ("strategy", "path", "transmissions"),
    [
        ("sabr", ["c", "d"], 2),
        ("direct", ["d"], 1),
        ("epidemic", ["b", "c", "d"], None),
    ],
)
def test_each_strategy_takes_its_own_way(strategy, path, transmissions):
    network = Network(DIAMOND, strategy=strategy)
    network.send("a", "d")
    network.run()
    received = network.happened(BundleReceived)
    assert [event.node for event in received[: len(path)]] == path
    assert len(network.happened(BundleDelivered)) == 1
    if transmissions:
        assert len(network.happened(TransferStarted)) == transmissions


def test_sabr_promises_the_arrival_that_then_happens_in_an_empty_network():
    network = Network(DIAMOND)
    network.send("a", "d", size=1000)
    network.run()
    promised = network.happened(RouteComputed)[0].promised_s
    (delivered,) = network.happened(BundleDelivered)
    # the promise counts 3 % or 100 octets of overhead on each hop (EVC, SABR section 2.4.3)
    assert 0 <= promised - delivered.t_s <= 2 * 0.2


def test_sabr_moves_on_to_the_next_contact_when_volume_is_booked():
    contacts = [
        Contact("a", "b", 0.0, 10.0, 8000.0, 0.0),
        Contact("b", "c", 20.0, 22.0, 8000.0, 0.0),
        Contact("b", "c", 100.0, 110.0, 8000.0, 0.0),
    ]
    network = Network(contacts)
    for _ in range(3):
        network.send("a", "c", size=800)
    network.run()
    arrivals = [event.t_s for event in network.happened(BundleDelivered)]
    assert [t > 50 for t in arrivals] == [False, False, True]
    promised = [e.promised_s > 50 for e in network.happened(RouteComputed) if e.node == "a"]
    assert promised == [False, False, True]


@pytest.mark.parametrize("size_bytes", [0.0, 900.0, 5_000.0, 50_000.0, 60_000.0])
@pytest.mark.parametrize("priority", [0, 1, 2])
def test_who_lacks_room_is_said_of_many_contacts_at_once_as_of_each(priority, size_bytes):
    network = Network(DIAMOND)
    for size in (40_000, 8_000, 300):
        network.send("a", "d", size=size)
    routing = network.agents["a"].routing
    routing.contact_ended(4, cut=True, now_s=0.0)
    numbers = range(len(DIAMOND))
    left = {number: routing.residual_bytes(number, priority) for number in numbers}
    assert len(set(left.values())) > 2
    expected = [number for number in numbers if left[number] < size_bytes]
    assert routing.lacking(numbers, priority, size_bytes) == expected


def test_a_critical_bundle_goes_through_every_neighbour_and_is_delivered_once():
    network = Network(DIAMOND)
    network.send("a", "d", critical=True)
    network.run()
    assert {event.neighbour for event in network.happened(TransferStarted)} >= {"b", "c", "d"}
    assert len(network.happened(BundleDelivered)) == 1


def _network_with(decide, contacts=DIAMOND):
    STRATEGIES["test"] = Strategy("test", decide, {})
    try:
        return Network(contacts, strategy="test")
    finally:
        del STRATEGIES["test"]


@pytest.mark.parametrize(
    ("answer", "rule"),
    [
        (lambda view, bundle: Send("nobody"), "no contact"),
        (lambda view, bundle: Send("a"), "no contact"),
        (lambda view, bundle: None, "answered None"),
        (lambda view, bundle: [Hold(), "b"], "answered"),
        (lambda view, bundle: 1 / 0, "ZeroDivisionError"),
    ],
)
def test_a_strategy_that_breaks_a_rule_ends_the_run_and_is_named(answer, rule):
    network = _network_with(answer)
    network.send("a", "d")
    with pytest.raises(StrategyFault, match=rule) as fault:
        network.run()
    assert (fault.value.strategy, fault.value.node) == ("test", "a")
    assert fault.value.bundle.startswith("ipn:1.1/")


def test_a_strategy_may_drop_with_a_reason():
    network = _network_with(lambda view, bundle: Drop(10))
    network.send("a", "d")
    network.run()
    assert [event.reason for event in network.happened(BundleDeleted)] == [10]


def test_a_hold_is_asked_again_when_its_time_is_over():
    asked: list[float] = []

    def patient(view, bundle):
        asked.append(view.now_s)
        return Hold(until_s=7.0) if view.now_s < 7.0 else Send("c")

    network = _network_with(patient)
    network.send("a", "d", at_s=5.0)
    network.run(until_s=8.0)
    assert asked == [5.0, 7.0]


def test_the_view_knows_neighbours_backlog_and_memory():
    seen: list[object] = []

    def curious(view, bundle):
        view.memory["count"] = view.memory.get("count", 0) + 1
        open_now = [n.name for n in view.neighbours]
        seen.append(
            (view.node, open_now, view.next_contact_s, view.backlog_bytes("b"), dict(view.memory))
        )
        return Send("b")

    network = _network_with(curious)
    network.send("a", "d", at_s=1.0, size=1000)
    network.send("a", "d", at_s=1.0, size=1000)
    network.run(until_s=1.0)
    (node, open_now, next_s, before, _), (_, _, _, after, memory) = seen
    assert (node, open_now, next_s, before) == ("a", ["b", "c"], 200.0, 0.0)
    assert 1000 < after < 1200
    assert memory == {"count": 2}


def test_a_strategy_is_found_by_file_and_function(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("from dtn.routing import Hold\n\ndef mine(view, bundle):\n    return Hold()\n")
    assert load_strategy(f"{path}:mine").name == "mine"
    for wrong in (f"{path}:other", f"{tmp_path}/none.py:mine", "sabbr"):
        with pytest.raises(BadInput):
            load_strategy(wrong)


@pytest.mark.parametrize("nodes", [(), (1,), (1, 2, 300, 1 << 40)])
def test_a_route_record_reads_back(nodes):
    assert decode_route_record(encode_route_record(nodes)) == nodes


@pytest.mark.parametrize(
    "data", [b"", b"\x9f", b"\x82\x01", b"\x81\x01\x01", b"\xa0", b"\x9b" + b"\xff" * 8]
)
def test_a_route_record_that_cannot_be_read_names_nobody(data):
    assert decode_route_record(data) == ()
