"""Bundles over a TCPCLv4 session: segments, acknowledgements, refusals."""

import pytest
from tcpcl_ends import (
    END,
    HELLO,
    KNOWN,
    MIDDLE,
    START,
    WHOLE,
    End,
    established,
    segment,
)

from dtn.tcpcl import RefuseReason, State, TermReason
from dtn.tcpcl.extension import (
    CRITICAL,
    ExtensionItem,
    encode_extensions,
    read_extensions,
    transfer_length_item,
)
from dtn.tcpcl.message import (
    MAX_TRANSFER_ID,
    MessageReject,
    MessageType,
    RejectReason,
    SessionInit,
    SessionTerm,
    TransferAck,
    TransferRefuse,
)
from dtn.tcpcl.outputs import (
    Failed,
    Finished,
    Received,
    Send,
    Sent,
)

# -- transfers, sending


@pytest.mark.row("L9", "L10", "L11", "L16")
def test_a_bundle_goes_in_segments_that_the_peer_takes():
    end = End(active=True)
    end.connect()
    end.hear(HELLO, SessionInit(20, 4, 100, "ipn:2.0"))
    end.said()
    end.send(70, b"abcdefghij")
    end.send(71, b"ABCD")
    length = encode_extensions([transfer_length_item(10)])
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
        MessageReject(RejectReason.UNEXPECTED, MessageType.XFER_REFUSE)
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
    announced = encode_extensions([transfer_length_item(11)])
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
    reject = MessageReject(RejectReason.UNEXPECTED, MessageType.XFER_SEGMENT)
    assert end.hear(*stream) == [reject]
    assert end.hear(segment(WHOLE, 1, b"ok")) == [TransferAck(WHOLE, 1, 2)]


@pytest.mark.row("L11")
@pytest.mark.parametrize(
    "other", [segment(WHOLE, 1, b"y"), segment(START, 0, b"y"), segment(MIDDLE, 1, b"y")]
)
def test_transfers_do_not_interleave(other):
    end = established()
    end.hear(segment(START, 0, b"x"))
    assert end.hear(other) == [MessageReject(RejectReason.UNEXPECTED, MessageType.XFER_SEGMENT)]
    assert end.hear(segment(END, 0, b"z")) == [TransferAck(END, 0, 2)]
    assert end.bundles == [b"xz"]


@pytest.mark.row("L14")
def test_late_segments_of_a_refused_bundle_are_refused_again():
    end = established()
    end.said()
    refusal = TransferRefuse(RefuseReason.EXTENSION_FAILURE, 0)
    unknown = encode_extensions([ExtensionItem(0xFFFE, b"", CRITICAL)])
    assert end.hear(segment(START, 0, b"x", unknown)) == [refusal]
    assert end.hear(segment(MIDDLE, 0, b"x"), segment(END, 0, b"x")) == [refusal, refusal]
    assert end.hear(segment(WHOLE, 1, b"next")) == [TransferAck(WHOLE, 1, 4)]
    assert end.bundles == [b"next"]


@pytest.mark.row("L14")
def test_a_refused_bundle_need_not_be_finished_before_the_next_begins():
    end = established()
    end.said()
    unknown = encode_extensions([ExtensionItem(0xFFFE, b"", CRITICAL)])
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
    first = encode_extensions([transfer_length_item(announced)])
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
    (answer,) = end.hear(segment(WHOLE, 0, b"x", encode_extensions(items)))
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
