"""How long a TCPCLv4 session lasts: silence, stalls and termination."""

import pytest
from tcpcl_ends import (
    END,
    START,
    WHOLE,
    End,
    established,
    joined,
    segment,
)

from dtn.tcpcl import RefuseReason, State, TermReason
from dtn.tcpcl.message import (
    Keepalive,
    SessionTerm,
    TransferAck,
    TransferRefuse,
    TransferSegment,
)
from dtn.tcpcl.outputs import (
    Ended,
    Failed,
    Finished,
)

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
