"""How a TCPCLv4 session begins: contact headers, TLS, and what both ends agree on."""

import pytest
from tcpcl_ends import (
    HELLO,
    INIT,
    KNOWN,
    End,
    joined,
)

from dtn.errors import InvalidValue
from dtn.tcpcl import SessionOptions, State, TermReason
from dtn.tcpcl.message import (
    ContactHeader,
    SessionInit,
    SessionTerm,
)
from dtn.tcpcl.outputs import (
    Established,
    StartTls,
)

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
