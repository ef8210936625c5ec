"""TCPCLv4 sessions, row by row: what one end says to what it hears, and two ends joined by a loop."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tcpcl_ends import (
    END,
    HELLO,
    INIT,
    KNOWN,
    VECTORS,
    WHOLE,
    End,
    established,
    joined,
    segment,
)

from dtn.tcpcl import RefuseReason, Session, State, TermReason
from dtn.tcpcl.codec import encode
from dtn.tcpcl.message import (
    Keepalive,
    MessageReject,
    MessageType,
    RejectReason,
    SessionTerm,
    TransferAck,
    TransferRefuse,
)
from dtn.tcpcl.outputs import (
    Ended,
    Failed,
    Finished,
    Rejected,
    Send,
)
from dtn.tcpcl.table import EXPECTED, TRANSITIONS, Happening

# -- the table


def test_every_state_is_reached_and_every_one_but_the_last_can_end():
    reached = {state for state in TRANSITIONS.values()} | {State.IDLE}
    assert reached == set(State)
    for state in State:
        assert ((state, Happening.OVER) in TRANSITIONS) == (state is not State.ENDED)
    assert set(EXPECTED) == set(MessageType)


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
    assert end.hear(KNOWN[vector]) == [MessageReject(RejectReason.UNEXPECTED, rejected)]
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
    assert end.hear(message) == [MessageReject(RejectReason.UNEXPECTED, encode(message)[0])]
    assert end.bundles == []
    end.hear(INIT)
    assert end.state is State.ESTABLISHED


@pytest.mark.row("L18")
def test_who_is_rejected_begins_afresh_and_does_not_answer_in_kind():
    end = established()
    end.send(1, b"x")
    end.said()
    assert end.hear(MessageReject(RejectReason.UNEXPECTED, 1)) == [
        SessionTerm(0, TermReason.UNKNOWN)
    ]
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
