"""TCPCLv4 sessions, row by row: what one end says to what it hears, and two ends joined by a loop."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tcpcl_ends import (
    END,
    HELLO,
    INIT,
    MIDDLE,
    START,
    VECTORS,
    WHOLE,
    End,
    Pair,
    established,
    segment,
)

from dtn.errors import InvalidValue
from dtn.tcpcl import RefuseReason, Session, SessionOptions, State, TermReason
from dtn.tcpcl.codec import encode
from dtn.tcpcl.extension import (
    CRITICAL,
    ExtensionItem,
    encode_extensions,
    read_extensions,
    transfer_length_item,
)
from dtn.tcpcl.message import (
    MAX_TRANSFER_ID,
    ContactHeader,
    Keepalive,
    MessageReject,
    MessageType,
    RejectReason,
    SessionInit,
    SessionTerm,
    TransferAck,
    TransferRefuse,
    TransferSegment,
)
from dtn.tcpcl.outputs import (
    Ended,
    Established,
    Failed,
    Finished,
    Received,
    Rejected,
    Send,
    Sent,
    StartTls,
)
from dtn.tcpcl.table import EXPECTED, TRANSITIONS, Happening

KNOWN = {vector["id"]: bytes.fromhex(vector["hex"]) for vector in VECTORS["tcpcl_messages"]}
UNEXPECTED = RejectReason.UNEXPECTED


def joined(piece_bytes=2**30, active=(), passive=()):
    return Pair(End(active=True, **dict(active)), End(active=False, **dict(passive)), piece_bytes)


def extensions(*items):
    return encode_extensions(items)


# -- the table


def test_every_state_is_reached_and_every_one_but_the_last_can_end():
    reached = {state for state in TRANSITIONS.values()} | {State.IDLE}
    assert reached == set(State)
    for state in State:
        assert ((state, Happening.OVER) in TRANSITIONS) == (state is not State.ENDED)
    assert set(EXPECTED) == set(MessageType)


# -- contact


@pytest.mark.row("L1")
def test_the_active_end_speaks_first_and_the_passive_one_answers():
    active, passive = End(active=True), End(active=False)
    active.connect()
    passive.connect()
    assert (active.unsent, passive.unsent) == (HELLO, b"")
    passive.hear(HELLO[:5])
    assert passive.unsent == b""
    passive.do(passive.session.receive(HELLO[5:], 0.0))
    assert passive.unsent == HELLO
    active.unsent = b""
    (init,) = active.hear(HELLO)
    assert isinstance(init, SessionInit)


@pytest.mark.row("L1", "L20")
@pytest.mark.parametrize("is_active", [True, False])
def test_a_peer_that_begins_otherwise_is_left_without_a_word(is_active):
    end = End(active=is_active)
    end.connect()
    end.unsent = b""
    assert end.hear(KNOWN["TCP21"]) == []
    assert end.over == "does not begin as TCPCL does"


@pytest.mark.row("L2", "L20")
def test_a_peer_that_does_not_get_to_a_session_in_time_is_given_up():
    silent = End(active=False, contact_timeout_s=20.0)
    silent.connect()
    silent.wait(19.9)
    assert silent.over is None
    silent.wait(20.0)
    assert (silent.over, silent.said()) == ("contact timeout", [])
    slow = End(active=False, contact_timeout_s=20.0)
    slow.connect()
    slow.hear(HELLO)
    slow.wait(20.0)
    assert slow.said() == [SessionTerm(0, TermReason.CONTACT_FAILURE)]
    assert slow.over == "contact timeout"


@pytest.mark.row("L2")
def test_no_contact_timeout_is_above_a_minute():
    with pytest.raises(InvalidValue):
        SessionOptions(node_id="ipn:1.0", contact_timeout_s=61.0)


@pytest.mark.row("L3", "L20")
@pytest.mark.parametrize("vector", ["TCP22", "TCP23"])
def test_another_version_is_told_ours_and_turned_away_by_the_passive_end(vector):
    passive = End(active=False)
    passive.connect()
    passive.do(passive.session.receive(KNOWN[vector], 0.0))
    assert passive.unsent == HELLO + bytes.fromhex("050002")
    assert passive.over == "version mismatch"


@pytest.mark.row("L3")
@pytest.mark.parametrize("version", [3, 5])
def test_another_version_makes_the_active_end_close(version):
    active = End(active=True)
    active.connect()
    active.said()
    assert active.hear(ContactHeader(0, version)) == []
    assert active.over == "version mismatch"


@pytest.mark.row("L4")
@pytest.mark.parametrize(("ours", "theirs"), [(a, b) for a in (0, 1) for b in (0, 1)])
def test_tls_is_used_if_both_can(ours, theirs):
    pair = joined(active={"can_tls": ours}, passive={"can_tls": theirs})
    for end in (pair.active, pair.passive):
        assert bool(end.happened(StartTls)) == bool(ours and theirs)
        assert (end.state is State.SECURING) == bool(ours and theirs)
        end.do(end.session.secured(0.0))
    pair.join()
    assert pair.active.state is pair.passive.state is State.ESTABLISHED


@pytest.mark.row("L4")
@pytest.mark.parametrize("is_active", [True, False])
def test_a_peer_without_tls_is_turned_away_where_it_is_required(is_active):
    end = End(active=is_active, can_tls=True, requires_tls=True)
    end.connect()
    assert end.hear(HELLO) == [SessionTerm(0, TermReason.CONTACT_FAILURE)]
    assert end.over == "peer has no TLS"


@pytest.mark.row("L4")
def test_octets_that_come_before_the_tls_handshake_are_not_taken_for_octets_from_it():
    end = End(active=True, can_tls=True)
    end.connect()
    end.hear(ContactHeader(1), INIT)
    assert end.over == "octets before the TLS handshake"
    assert not end.happened(Established)


# -- negotiation


@pytest.mark.row("L5", "L7", "L9")
def test_both_ends_agree_on_the_smaller_of_what_they_say():
    pair = joined(
        active={"keepalive_s": 30, "segment_mru_bytes": 500, "transfer_mru_bytes": 7000},
        passive={"keepalive_s": 20, "segment_mru_bytes": 2**20, "segment_bytes": 900},
    )
    assert pair.active.happened(Established) == [Established("ipn:2.0", 20, 2**16, 2**28)]
    assert pair.passive.happened(Established) == [Established("ipn:1.0", 20, 500, 7000)]


@pytest.mark.row("L5")
@pytest.mark.parametrize("vector", ["TCP04", "TCP05", "TCP06"])
def test_peers_may_be_anonymous_or_call_themselves_anything(vector):
    end = End(active=True)
    end.connect()
    end.hear(HELLO, KNOWN[vector])
    assert end.state is State.ESTABLISHED


@pytest.mark.row("L5", "L6")
@pytest.mark.parametrize("vector", ["TCP07", "TCP30", "TCP31"])
@pytest.mark.parametrize("is_active", [True, False])
def test_a_sess_init_that_cannot_be_followed_ends_the_session(vector, is_active):
    end = End(active=is_active)
    end.connect()
    end.hear(HELLO)
    assert end.hear(KNOWN[vector]) == [SessionTerm(0, TermReason.CONTACT_FAILURE)]
    assert end.over is not None


@pytest.mark.row("L6")
def test_unknown_session_extensions_that_are_not_critical_are_skipped():
    end = End(active=True)
    end.connect()
    end.hear(HELLO, KNOWN["TCP08"])
    assert end.state is State.ESTABLISHED


@pytest.mark.row("L9")
def test_a_peer_that_takes_no_segments_is_of_no_use():
    end = End(active=True)
    end.connect()
    end.hear(HELLO)
    assert end.hear(SessionInit(20, 0, 10)) == [SessionTerm(0, TermReason.CONTACT_FAILURE)]


@pytest.mark.row("B13", "L5")
@pytest.mark.parametrize("node_id", ["ipn:!.0", "ipn:4294967295.0"])
def test_nobody_is_the_local_node(node_id):
    end = End(active=True)
    end.connect()
    end.hear(HELLO)
    answer = end.hear(SessionInit(20, 100, 100, node_id))
    assert answer == [SessionTerm(0, TermReason.CONTACT_FAILURE)]
    with pytest.raises(InvalidValue):
        SessionOptions(node_id=node_id)


@pytest.mark.row("B15", "L5")
@pytest.mark.parametrize(
    ("node_id", "is_taken"),
    [
        ("ipn:2.0", True),
        ("ipn:2.7", True),
        ("ipn:0.2.0", True),
        ("ipn:3.0", False),
        ("", False),
        ("hello", False),
    ],
)
def test_who_expects_somebody_takes_nobody_else(node_id, is_taken):
    end = End(active=True, expected_node_id="ipn:2.0")
    end.connect()
    end.hear(HELLO, SessionInit(20, 100, 100, node_id))
    assert (end.state is State.ESTABLISHED) == is_taken
    assert (end.over is None) == is_taken


@pytest.mark.parametrize(
    "options",
    [
        {"keepalive_s": -1},
        {"keepalive_s": 65536},
        {"segment_bytes": 0},
        {"contact_timeout_s": 0.0},
        {"requires_tls": True},
        {"expected_node_id": "dtn:none"},
        {"node_id": "nobody"},
    ],
)
def test_options_that_cannot_be_are_refused(options):
    with pytest.raises(InvalidValue):
        SessionOptions(**{"node_id": "ipn:1.0", **options})


# -- keepalive


@pytest.mark.row("L7")
def test_keepalives_go_out_when_nothing_was_said_for_the_interval():
    end = established(keepalive_s=30)
    end.said()
    end.wait(19.9)
    assert end.said() == []
    end.wait(20.0)
    assert end.said() == [Keepalive()]
    end.hear(Keepalive())
    end.wait(25.0)
    end.send(1, b"x")
    end.wait(44.9)
    assert [type(message) for message in end.said()] == [TransferSegment]
    end.wait(45.0)
    assert end.said() == [Keepalive()]


@pytest.mark.row("L7")
@pytest.mark.parametrize(("ours", "theirs"), [(0, 30), (30, 0), (0, 0)])
def test_zero_from_either_side_is_no_keepalive(ours, theirs):
    pair = joined(active={"keepalive_s": ours}, passive={"keepalive_s": theirs})
    pair.wait(1e6)
    for end in (pair.active, pair.passive):
        assert end.state is State.ESTABLISHED
        assert end.session.next_timer() == float("inf")


@pytest.mark.row("L7", "L8")
def test_two_ends_that_say_nothing_else_keep_each_other_for_ever():
    pair = joined(active={"keepalive_s": 10}, passive={"keepalive_s": 15})
    pair.wait(1000.0)
    assert pair.active.state is pair.passive.state is State.ESTABLISHED


@pytest.mark.row("L8")
def test_a_peer_silent_for_two_intervals_is_told_so_and_given_up():
    end = established(keepalive_s=30)
    end.send(7, b"x")
    end.said()
    end.wait(39.9)
    assert SessionTerm(0, TermReason.IDLE_TIMEOUT) not in end.said()
    end.wait(40.0)
    assert end.said() == [SessionTerm(0, TermReason.IDLE_TIMEOUT)]
    assert end.state is State.ENDING
    end.wait(50.0)
    assert end.state is State.ENDED
    assert end.happened(Failed) == [Failed(7, "peer does not finish")]


@pytest.mark.row("L8")
def test_a_peer_is_not_given_up_while_it_waits_for_us():
    end = established(accepts=False, keepalive_s=30)
    end.hear(segment(WHOLE, 0, b"bundle"))
    end.wait(200.0)
    assert end.state is State.ESTABLISHED
    end.do(end.session.accept(0, 200.0))
    end.wait(239.9)
    assert end.state is State.ESTABLISHED
    end.wait(240.0)
    assert end.state is State.ENDING


def test_a_peer_that_keeps_alive_but_acknowledges_nothing_is_given_up():
    end = established(acknowledgement_timeout_s=60.0)
    end.send(7, b"x")
    for until_s in range(10, 60, 10):
        end.wait(until_s)
        end.hear(Keepalive())
    assert end.state is State.ESTABLISHED
    end.wait(60.0)
    assert end.state is State.ENDING


# -- transfers, sending


@pytest.mark.row("L9", "L10", "L11", "L16")
def test_a_bundle_goes_in_segments_that_the_peer_takes():
    end = End(active=True)
    end.connect()
    end.hear(HELLO, SessionInit(20, 4, 100, "ipn:2.0"))
    end.said()
    end.send(70, b"abcdefghij")
    end.send(71, b"ABCD")
    length = extensions(transfer_length_item(10))
    assert end.said() == [
        segment(START, 0, b"abcd", length),
        segment(MIDDLE, 0, b"efgh"),
        segment(END, 0, b"ij"),
        segment(WHOLE, 1, b"ABCD"),
    ]
    assert read_extensions(length)[0].is_critical
    assert end.happened(Sent) == [Sent(70), Sent(71)]


@pytest.mark.row("L9")
def test_a_bundle_longer_than_the_peer_takes_fails_at_once():
    end = End(active=True)
    end.connect()
    end.hear(HELLO, SessionInit(20, 4, 10, "ipn:2.0"))
    end.said()
    end.send(1, bytes(11))
    assert end.said() == []
    (failed,) = end.happened(Failed)
    assert (failed.ref, failed.refused) == (1, RefuseReason.NO_RESOURCES)


@pytest.mark.row("L11")
def test_a_session_that_has_used_up_its_transfer_identifiers_ends():
    end = established(first_transfer=MAX_TRANSFER_ID)
    end.said()
    end.send(1, b"last")
    end.send(2, b"none is left")
    assert end.said() == [
        segment(WHOLE, MAX_TRANSFER_ID, b"last"),
        SessionTerm(0, TermReason.RESOURCE_EXHAUSTION),
    ]
    assert end.happened(Failed) == [Failed(2, "session terminating")]
    end.hear(TransferAck(WHOLE, MAX_TRANSFER_ID, 4), SessionTerm(1, TermReason.UNKNOWN))
    assert end.happened(Finished) == [Finished(1)]
    assert end.state is State.ENDED


@pytest.mark.row("L13")
def test_segments_and_bundles_do_not_wait_for_acknowledgements():
    end = established(segment_bytes=10)
    end.said()
    for ref in range(5):
        end.send(ref, bytes(100))
    assert len(end.said()) == 50
    assert not end.happened(Finished)


@pytest.mark.row("L13")
def test_what_runs_ahead_of_the_connection_is_bounded():
    end = established(segment_bytes=100, window_bytes=1000)
    end.said()
    for ref in range(3):
        end.send(ref, bytes(2000))
    sent = b"".join(output.octets for output in end.happened(Send))
    assert len(sent) < 1200
    assert not end.happened(Sent)
    for _ in range(4):
        end.do(end.session.writable(0.0))
    assert len(end.happened(Sent)) == 2
    for _ in range(2):
        end.do(end.session.writable(0.0))
    assert len(end.happened(Sent)) == 3


@pytest.mark.row("L12")
def test_a_bundle_is_finished_by_the_acknowledgement_of_its_last_octet_only():
    end = established(segment_bytes=4)
    end.send(9, b"abcdefgh")
    end.said()
    assert end.hear(TransferAck(START, 0, 4)) == []
    assert not end.happened(Finished)
    assert end.hear(TransferAck(END, 0, 8)) == []
    assert end.happened(Finished) == [Finished(9)]


@pytest.mark.row("L12", "L18")
@pytest.mark.parametrize(
    ("ack", "reason"),
    [
        (TransferAck(END, 0, 9), RejectReason.UNSUPPORTED),
        (TransferAck(MIDDLE, 0, 2**64 - 1), RejectReason.UNSUPPORTED),
        (TransferAck(END, 0, 4), RejectReason.UNSUPPORTED),
        (TransferAck(END, 1, 8), RejectReason.UNEXPECTED),
    ],
)
def test_an_acknowledgement_that_cannot_be_finishes_nothing(ack, reason):
    end = established(segment_bytes=4)
    end.send(9, b"abcdefgh")
    end.said()
    assert end.hear(ack) == [MessageReject(reason, MessageType.XFER_ACK)]
    assert not end.happened(Finished)


@pytest.mark.row("L14")
def test_a_refused_bundle_stops_after_the_segment_that_is_out():
    end = established(segment_bytes=100, window_bytes=300)
    end.said()
    end.send(1, bytes(1000))
    end.send(2, b"next")
    before = end.said()
    assert before[-1].flags == MIDDLE
    end.hear(TransferRefuse(RefuseReason.NO_RESOURCES, 0))
    assert end.happened(Failed) == [
        Failed(1, "refused: no resources", RefuseReason.NO_RESOURCES),
    ]
    end.do(end.session.writable(0.0))
    assert end.said() == [segment(WHOLE, 1, b"next")]
    assert end.hear(TransferRefuse(RefuseReason.NO_RESOURCES, 0)) == []
    assert end.happened(Sent) == [Sent(1), Sent(2)]


@pytest.mark.row("L15")
@pytest.mark.parametrize("reason", [*range(8), 0xFF])
def test_a_bundle_refused_because_the_peer_has_it_is_finished_others_have_failed(reason):
    end = established()
    end.send(5, b"x")
    end.said()
    end.hear(bytes((3, reason)) + bytes(8))
    assert end.happened(Finished) == ([Finished(5)] if reason == 1 else [])
    refused = [failed.refused for failed in end.happened(Failed)]
    expected = RefuseReason(reason) if reason <= 6 else RefuseReason.UNKNOWN
    assert refused == ([] if reason == 1 else [expected])


@pytest.mark.row("L18")
def test_a_refusal_of_what_was_never_sent_is_rejected():
    end = established()
    end.said()
    assert end.hear(TransferRefuse(RefuseReason.NO_RESOURCES, 0)) == [
        MessageReject(UNEXPECTED, MessageType.XFER_REFUSE)
    ]


# -- transfers, receiving


@pytest.mark.row("L10", "L12")
def test_every_segment_is_acknowledged_with_its_flags_and_the_sum():
    end = established()
    end.said()
    acks = end.hear(
        segment(START | 0x40, 1234, b"abc"),
        segment(MIDDLE | 0x80, 1234, b""),
        segment(END | 0xF0, 1234, b"de"),
        segment(WHOLE, 5, b"x"),
    )
    assert acks == [
        TransferAck(START | 0x40, 1234, 3),
        TransferAck(MIDDLE | 0x80, 1234, 3),
        TransferAck(END | 0xF0, 1234, 5),
        TransferAck(WHOLE, 5, 1),
    ]
    assert end.bundles == [b"abcde", b"x"]


@pytest.mark.row("L12")
def test_the_last_acknowledgement_waits_until_the_bundle_is_safe_and_later_ones_behind_it():
    end = established(accepts=False)
    end.said()
    assert end.hear(segment(WHOLE, 0, b"one"), segment(START, 1, b"tw")) == []
    assert end.hear(segment(END, 1, b"o"), segment(WHOLE, 2, b"three")) == []
    assert end.happened(Received) == [
        Received(0, b"one"),
        Received(1, b"two"),
        Received(2, b"three"),
    ]
    end.do(end.session.accept(2, 0.0))
    assert end.said() == []
    end.do(end.session.accept(0, 0.0))
    assert end.said() == [TransferAck(WHOLE, 0, 3), TransferAck(START, 1, 2)]
    end.do(end.session.refuse(1, RefuseReason.NO_RESOURCES, 0.0))
    assert end.said() == [TransferRefuse(RefuseReason.NO_RESOURCES, 1), TransferAck(WHOLE, 2, 5)]
    assert end.session.owed == 0


@pytest.mark.row("L9")
def test_a_bundle_longer_than_this_end_takes_is_refused_as_soon_as_that_is_known():
    end = established(transfer_mru_bytes=10)
    end.said()
    refusal = TransferRefuse(RefuseReason.NO_RESOURCES, 0)
    announced = extensions(transfer_length_item(11))
    assert end.hear(segment(START, 0, b"a", announced)) == [refusal]
    assert end.hear(segment(END, 0, bytes(10))) == [refusal]
    refusal = TransferRefuse(RefuseReason.NO_RESOURCES, 1)
    assert end.hear(segment(START, 1, bytes(9))) == [TransferAck(START, 1, 9)]
    assert end.hear(segment(MIDDLE, 1, bytes(2))) == [refusal]
    assert end.bundles == []


@pytest.mark.row("L9", "L20")
def test_a_segment_longer_than_this_end_takes_ends_the_session_without_being_waited_for():
    end = established()
    end.said()
    assert end.hear(KNOWN["TCP29"]) == [SessionTerm(0, TermReason.RESOURCE_EXHAUSTION)]
    assert end.over == "longer than agreed"


@pytest.mark.row("L10", "L11", "L18")
@pytest.mark.parametrize(
    "stream",
    [
        [segment(END, 7, b"x")],
        [segment(MIDDLE, 0, b"x")],
    ],
)
def test_a_segment_of_no_transfer_is_rejected_and_the_session_goes_on(stream):
    end = established()
    end.said()
    reject = MessageReject(UNEXPECTED, MessageType.XFER_SEGMENT)
    assert end.hear(*stream) == [reject]
    assert end.hear(segment(WHOLE, 1, b"ok")) == [TransferAck(WHOLE, 1, 2)]


@pytest.mark.row("L11")
@pytest.mark.parametrize(
    "other", [segment(WHOLE, 1, b"y"), segment(START, 0, b"y"), segment(MIDDLE, 1, b"y")]
)
def test_transfers_do_not_interleave(other):
    end = established()
    end.hear(segment(START, 0, b"x"))
    assert end.hear(other) == [MessageReject(UNEXPECTED, MessageType.XFER_SEGMENT)]
    assert end.hear(segment(END, 0, b"z")) == [TransferAck(END, 0, 2)]
    assert end.bundles == [b"xz"]


@pytest.mark.row("L14")
def test_late_segments_of_a_refused_bundle_are_refused_again():
    end = established()
    end.said()
    refusal = TransferRefuse(RefuseReason.EXTENSION_FAILURE, 0)
    unknown = extensions(ExtensionItem(0xFFFE, b"", CRITICAL))
    assert end.hear(segment(START, 0, b"x", unknown)) == [refusal]
    assert end.hear(segment(MIDDLE, 0, b"x"), segment(END, 0, b"x")) == [refusal, refusal]
    assert end.hear(segment(WHOLE, 1, b"next")) == [TransferAck(WHOLE, 1, 4)]
    assert end.bundles == [b"next"]


@pytest.mark.row("L14")
def test_a_refused_bundle_need_not_be_finished_before_the_next_begins():
    end = established()
    end.said()
    unknown = extensions(ExtensionItem(0xFFFE, b"", CRITICAL))
    assert end.hear(segment(START, 0, b"x", unknown), segment(WHOLE, 1, b"next")) == [
        TransferRefuse(RefuseReason.EXTENSION_FAILURE, 0),
        TransferAck(WHOLE, 1, 4),
    ]


@pytest.mark.row("L16")
@pytest.mark.parametrize(
    ("announced", "stream", "answers"),
    [
        (3, [(WHOLE, b"abc")], ["ack"]),
        (4, [(WHOLE, b"abc")], [4]),
        (2, [(WHOLE, b"abc")], [4]),
        (5, [(START, b"abc"), (END, b"de")], ["ack", "ack"]),
        (4, [(START, b"abc"), (END, b"de")], ["ack", 4]),
        (4, [(START, b"abc"), (MIDDLE, b"de"), (END, b"f")], ["ack", 4, 4]),
        (6, [(START, b"abc"), (END, b"de")], ["ack", 4]),
    ],
)
def test_a_bundle_is_as_long_as_it_was_announced(announced, stream, answers):
    end = established()
    end.said()
    first = extensions(transfer_length_item(announced))
    said = end.hear(
        *(segment(flags, 0, data, first if flags & START else b"") for flags, data in stream)
    )
    assert [
        "ack" if isinstance(answer, TransferAck) else int(answer.reason) for answer in said
    ] == answers
    assert len(end.bundles) == (answers[-1] == "ack")


@pytest.mark.row("L16", "L17")
@pytest.mark.parametrize(
    ("items", "reason"),
    [
        ([transfer_length_item(1), transfer_length_item(1)], RefuseReason.NOT_ACCEPTABLE),
        ([ExtensionItem(0xFFFE, b"v", CRITICAL)], RefuseReason.EXTENSION_FAILURE),
        ([ExtensionItem(1, b"\x01", CRITICAL)], RefuseReason.EXTENSION_FAILURE),
        ([ExtensionItem(0xFFFE, b"v"), ExtensionItem(1, b"\x01")], None),
    ],
)
def test_transfer_extensions_are_known_or_not_critical(items, reason):
    end = established()
    end.said()
    (answer,) = end.hear(segment(WHOLE, 0, b"x", extensions(*items)))
    if reason is None:
        assert answer == TransferAck(WHOLE, 0, 1)
    else:
        assert answer == TransferRefuse(reason, 0)


@pytest.mark.row("L17")
@pytest.mark.parametrize("vector", ["TCP14", "TCP32"])
def test_known_octets_that_are_refused(vector):
    end = established()
    end.said()
    (answer,) = end.hear(KNOWN[vector])
    assert isinstance(answer, TransferRefuse)
    assert answer.reason in (RefuseReason.NOT_ACCEPTABLE, RefuseReason.EXTENSION_FAILURE)


def test_a_transfer_whose_extensions_cannot_be_read_is_refused_and_the_session_goes_on():
    end = established()
    end.said()
    assert end.hear(segment(WHOLE, 0, b"x", b"\x01\x00"), segment(WHOLE, 1, b"y")) == [
        TransferRefuse(RefuseReason.EXTENSION_FAILURE, 0),
        TransferAck(WHOLE, 1, 1),
    ]


# -- rejection


@pytest.mark.row("L18")
@pytest.mark.parametrize("vector", ["TCP24", "TCP25"])
def test_an_unknown_message_type_is_rejected_and_the_connection_closed(vector):
    end = established()
    end.said()
    header = KNOWN[vector][0]
    end.do(end.session.receive(KNOWN[vector], 0.0))
    assert end.unsent == bytes((6, 1, header))
    assert end.over == "message of an unknown type"
    end.unsent = b""
    assert end.hear(segment(WHOLE, 0, b"x")) == []
    assert end.bundles == []


@pytest.mark.row("L18")
@pytest.mark.parametrize(("vector", "rejected"), [("TCP26", 1), ("TCP27", 2), ("TCP28", 7)])
def test_messages_that_are_not_expected_are_rejected_and_the_session_goes_on(vector, rejected):
    end = established()
    end.said()
    assert end.hear(KNOWN[vector]) == [MessageReject(UNEXPECTED, rejected)]
    assert end.state is State.ESTABLISHED


@pytest.mark.row("L18")
@pytest.mark.parametrize(
    "message",
    [
        segment(WHOLE, 0, b"x"),
        TransferAck(0, 0, 0),
        TransferRefuse(RefuseReason(0), 0),
        Keepalive(),
    ],
)
def test_nothing_but_sess_init_begins_a_session(message):
    end = End(active=True)
    end.connect()
    end.hear(HELLO)
    assert end.hear(message) == [MessageReject(UNEXPECTED, encode(message)[0])]
    assert end.bundles == []
    end.hear(INIT)
    assert end.state is State.ESTABLISHED


@pytest.mark.row("L18")
def test_who_is_rejected_begins_afresh_and_does_not_answer_in_kind():
    end = established()
    end.send(1, b"x")
    end.said()
    assert end.hear(MessageReject(UNEXPECTED, 1)) == [SessionTerm(0, TermReason.UNKNOWN)]
    assert end.happened(Rejected)
    end.wait(60.0)
    assert len(end.happened(Failed)) == 1


@pytest.mark.row("L18", "L22")
def test_what_came_before_rubbish_in_one_piece_counts():
    end = established()
    end.send(1, b"x")
    end.send(2, b"y")
    acknowledged = encode(TransferAck(WHOLE, 0, 1))
    refused = encode(TransferRefuse(RefuseReason.NO_RESOURCES, 1))
    bundle = encode(segment(WHOLE, 0, b"bundle"))
    end.do(end.session.receive(acknowledged + refused + bundle + KNOWN["TCP24"], 0.0))
    assert end.happened(Finished) == [Finished(1)]
    assert [failed.ref for failed in end.happened(Failed)] == [2]
    assert end.bundles == [b"bundle"]
    assert end.over == "message of an unknown type"


# -- termination


@pytest.mark.row("L19")
def test_sess_term_is_answered_in_kind_and_the_connection_closed():
    end = established()
    end.said()
    assert end.hear(SessionTerm(0, TermReason.BUSY)) == [SessionTerm(1, TermReason.BUSY)]
    assert end.over == "busy"


@pytest.mark.row("L19")
def test_an_ending_session_finishes_what_was_begun_and_begins_nothing():
    end = established(segment_bytes=4, window_bytes=20)
    end.said()
    end.send(1, b"abcdefgh")
    end.send(2, b"later")
    end.hear(segment(START, 50, b"in"))
    end.do(end.session.terminate(TermReason.UNKNOWN, 0.0))
    assert end.happened(Failed) == [Failed(2, "session terminating")]
    end.send(3, b"too late")
    assert end.happened(Failed)[1:] == [Failed(3, "no session")]
    end.do(end.session.writable(0.0))
    said = end.said()
    assert segment(END, 0, b"efgh") in said
    assert SessionTerm(0, TermReason.UNKNOWN) in said
    assert end.hear(segment(END, 50, b"coming")) == [TransferAck(END, 50, 8)]
    assert end.hear(segment(WHOLE, 51, b"new")) == [
        TransferRefuse(RefuseReason.SESSION_TERMINATING, 51)
    ]
    end.hear(SessionTerm(1, TermReason.UNKNOWN))
    assert end.state is State.ENDING
    end.hear(TransferAck(END, 0, 8))
    assert end.happened(Finished) == [Finished(1)]
    assert end.over == "unknown"


@pytest.mark.row("L19")
def test_an_ending_session_waits_for_what_is_not_safe_yet():
    end = established(accepts=False)
    end.hear(segment(WHOLE, 0, b"x"), SessionTerm(0, TermReason.UNKNOWN))
    assert end.over is None
    end.do(end.session.accept(0, 1.0))
    assert end.said()[-1] == TransferAck(WHOLE, 0, 1)
    assert end.over == "unknown"


@pytest.mark.row("L19")
def test_both_may_say_sess_term_at_once():
    pair = joined()
    for end in (pair.active, pair.passive):
        end.do(end.session.terminate(TermReason.UNKNOWN, 0.0))
    pair.join()
    assert pair.active.state is pair.passive.state is State.ENDED


@pytest.mark.row("L19")
def test_a_peer_that_never_finishes_is_left():
    end = established(keepalive_s=0, ending_timeout_s=10.0)
    end.do(end.session.terminate(TermReason.UNKNOWN, 0.0))
    end.wait(9.9)
    end.hear(Keepalive())
    assert end.over is None
    end.wait(10.0)
    assert end.over == "peer does not finish"


@pytest.mark.row("L20")
@pytest.mark.parametrize("is_active", [True, False])
def test_before_the_contact_headers_are_through_a_session_ends_without_sess_term(is_active):
    end = End(active=is_active)
    end.connect()
    end.unsent = b""
    end.do(end.session.terminate(TermReason.BUSY, 0.0))
    assert (end.unsent, end.over) == (b"", "busy")


@pytest.mark.row("L20")
def test_octets_are_always_whole_messages():
    pair = joined(active={"segment_bytes": 7, "window_bytes": 30})
    pair.active.send(1, bytes(100))
    pair.active.do(pair.active.session.terminate(TermReason.UNKNOWN, 0.0))
    assert all(pair.active.said())


@pytest.mark.row("L21")
def test_what_was_not_acknowledged_when_the_connection_broke_has_failed():
    end = established(segment_bytes=4)
    end.send(1, b"abcd")
    end.send(2, b"abcdefgh")
    end.send(3, b"x")
    end.hear(TransferAck(WHOLE, 0, 4), TransferAck(START, 1, 4))
    end.do(end.session.disconnected(5.0))
    assert end.happened(Finished) == [Finished(1)]
    assert [failed.ref for failed in end.happened(Failed)] == [2, 3]
    assert end.over == "connection lost"
    assert end.session.disconnected(6.0) == []
    assert end.session.next_timer() == float("inf")


@pytest.mark.row("L21")
def test_what_was_received_is_acknowledged_before_a_link_goes_down_on_schedule():
    end = established()
    end.said()
    assert end.hear(segment(START, 0, b"abcd")) == [TransferAck(START, 0, 4)]
    end.do(end.session.disconnected(5.0, "contact ended"))
    assert end.outputs[-1] == Ended("contact ended")


# -- whole sessions


def test_the_known_exchange_octet_for_octet():
    ends = {
        "A": End(active=True, keepalive_s=30, segment_mru_bytes=0x40, transfer_mru_bytes=2**20),
        "P": End(active=False, keepalive_s=20, segment_mru_bytes=32, transfer_mru_bytes=2**20),
    }
    steps = VECTORS["tcpcl_exchange"]["steps"]
    expected = {"A": b"", "P": b""}
    for end in ends.values():
        end.connect()
    bundle = b""
    for step in steps:
        octets = bytes.fromhex(step["hex"])
        expected[step["dir"][0]] += octets
        if octets[0] == 1:
            bundle += octets[-32:] if octets[1] != END else octets[18:]
    sent = {"A": b"", "P": b""}
    begun = False
    for step in steps:
        source, target = ends[step["dir"][0]], ends[step["dir"][-1]]
        octets = bytes.fromhex(step["hex"])
        if octets[0] == 1 and not begun:
            source.send(1, bundle)
            begun = True
        elif octets == encode(Keepalive()):
            source.wait(20.0)
        elif octets == encode(SessionTerm(0, TermReason.UNKNOWN)):
            source.do(source.session.terminate(TermReason.UNKNOWN, 20.0))
        taken, source.unsent = source.unsent[: len(octets)], source.unsent[len(octets) :]
        sent[step["dir"][0]] += taken
        target.do(target.session.receive(taken, 20.0))
    assert sent == expected
    assert ends["P"].bundles == [bundle]
    assert ends["A"].happened(Finished) == [Finished(1)]
    assert ends["A"].over == ends["P"].over == "unknown"


@pytest.mark.row("L22")
@pytest.mark.parametrize("piece_bytes", [1, 2, 3, 5, 11, 64])
def test_a_session_is_the_same_wherever_its_octets_are_cut(piece_bytes):
    def outcome(pieces):
        pair = joined(pieces, passive={"segment_mru_bytes": 10})
        pair.active.send(1, b"abcdefghijklmnopqrstuvwxyz")
        pair.passive.send(1, b"back")
        pair.join()
        pair.active.do(pair.active.session.terminate(TermReason.UNKNOWN, 0.0))
        pair.join()
        return pair.active.outputs, pair.passive.outputs

    def no_octets(outputs):
        return [output for output in outputs if not isinstance(output, Send)]

    whole, cut = outcome(2**30), outcome(piece_bytes)
    for one, other in zip(whole, cut, strict=True):
        assert no_octets(one) == no_octets(other)
        for outputs in (one, other):
            assert isinstance(outputs[-1], Ended)


@given(
    st.lists(st.tuples(st.booleans(), st.binary(min_size=1, max_size=200)), max_size=12),
    st.integers(1, 50),
    st.integers(1, 50),
    st.integers(1, 400),
    st.integers(1, 300),
)
@settings(max_examples=40)
def test_every_bundle_arrives_once_and_in_order(bundles, to_active, to_passive, window, piece):
    pair = joined(
        piece,
        active={"segment_mru_bytes": to_active, "window_bytes": window},
        passive={"segment_mru_bytes": to_passive, "window_bytes": window},
    )
    for ref, (from_active, octets) in enumerate(bundles):
        (pair.active if from_active else pair.passive).send(ref, octets)
    pair.join()
    for end, other, is_active in (
        (pair.active, pair.passive, True),
        (pair.passive, pair.active, False),
    ):
        sent = [(ref, octets) for ref, (which, octets) in enumerate(bundles) if which == is_active]
        assert other.bundles == [octets for _, octets in sent]
        assert end.happened(Finished) == [Finished(ref) for ref, _ in sent]
        assert not end.happened(Failed)


# -- anything at all

STREAMS = [octets for name, octets in KNOWN.items() if name >= "TCP04"]


@given(
    st.booleans(),
    st.lists(st.one_of(st.sampled_from([HELLO, INIT, *STREAMS]), st.binary(max_size=40))),
    st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=4),
    st.integers(1, 2000),
)
@settings(max_examples=150)
def test_whatever_comes_the_session_answers_or_ends(is_active, parts, changes, piece):
    octets = bytearray(HELLO + INIT + b"".join(parts))
    for at, octet in changes:
        octets[at % len(octets)] = octet
    end = End(active=is_active)
    end.connect()
    for ref, at in enumerate(range(0, len(octets), piece)):
        end.hear(bytes(octets[at : at + piece]))
        end.send(ref, bytes(100))
    assert sum(map(len, end.bundles)) <= len(octets)
    end.wait(1000.0)
    assert (end.over is None) == (end.state is not State.ENDED)
    fates = end.happened(Finished, Failed)
    assert len({fate.ref for fate in fates}) == len(fates)


def test_a_session_that_is_over_does_nothing_more():
    end = established()
    end.do(end.session.disconnected(1.0))
    session: Session = end.session
    assert session.receive(INIT, 2.0) == []
    assert session.on_timer(2.0) == []
    assert session.accept(0, 2.0) == []
    assert session.terminate(TermReason.BUSY, 2.0) == []
    assert session.writable(2.0) == []
    assert session.secured(2.0) == []
