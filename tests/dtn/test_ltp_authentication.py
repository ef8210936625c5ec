"""LTP authentication (RFC 5327): signed segments, and what becomes of others."""

import hashlib
import hmac
import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ltp_pair import AAL_S, LIGHT_S, drained, is_transmit, of

from dtn.errors import InvalidValue
from dtn.ltp.authentication import (
    NULL_SUITE,
    RSA_SHA256,
    Authentication,
    HmacSha1,
    RsaSha256,
)
from dtn.ltp.engine import Engine
from dtn.ltp.options import EngineOptions
from dtn.ltp.outputs import RedPartReceived, SegmentDiscarded, TransmissionCompleted
from dtn.ltp.segment import Extension, SegmentType, decode_segment
from nodes.convergence.ltp_options import LtpAuthentication

BLOCK = random.Random(1).randbytes(20_000)


@pytest.fixture(scope="session")
def rsa_keys():
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    def pem(bits):
        key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
        return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    return {"a": pem(2048), "b": pem(2048), "short": pem(1024)}


@pytest.fixture(params=["hmac", "rsa", "null"])
def suites(request, rsa_keys):
    """Own suites of engines 1 and 2, and what each checks the other's segments with."""
    if request.param == "rsa":
        pair = LtpAuthentication(suite=RSA_SHA256, keys={k: rsa_keys[k] for k in "ab"})
        return pair.for_node("a", "b").between("a", "b"), pair.for_node("b", "a").between("b", "a")
    if request.param == "null":
        return (Authentication(NULL_SUITE, NULL_SUITE),) * 2
    ours, theirs = HmacSha1(b"one" * 8), HmacSha1(b"two" * 8)
    return Authentication(ours, theirs), Authentication(theirs, ours)


def engine(number, peer, authentication, **options):
    made = Engine(
        number,
        peer,
        lambda now_s: LIGHT_S + AAL_S,
        itertools.count(100 * number),
        random.Random(number),
        EngineOptions(**options),
        authentication,
    )
    made.link(True, 0.0)
    return made


def octets_of(side, now_s=0.0):
    return [output.octets for output in drained(side, now_s) if is_transmit(output)]


def test_signed_blocks_arrive_and_reports_come_back(suites):
    left, right = engine(1, 2, suites[0]), engine(2, 1, suites[1])
    left.send(BLOCK, 7, 0.0)
    sent = octets_of(left)
    assert max(map(len, sent)) <= EngineOptions().segment_bytes
    received = [out for octets in sent for out in right.receive(octets, LIGHT_S)]
    (part,) = of(RedPartReceived, received)
    assert part.data == BLOCK
    answers = [o for octets in octets_of(right, LIGHT_S) for o in left.receive(octets, 2 * LIGHT_S)]
    assert of(TransmissionCompleted, answers)
    assert left.unauthenticated == right.unauthenticated == 0


def test_a_segment_with_any_octet_changed_changes_nothing(suites):
    left = engine(1, 2, suites[0])
    left.send(bytes(40), 7, 0.0)
    (octets,) = octets_of(left)
    for place in range(len(octets)):
        right = engine(2, 1, suites[1])
        changed = bytearray(octets)
        changed[place] ^= 0x40
        out = right.receive(bytes(changed), 0.0)
        assert out
        assert {type(one) for one in out} == {SegmentDiscarded}
        assert octets_of(right) == []  # no report, no session


def test_what_is_not_signed_or_by_another_is_discarded_and_counted(suites):
    strangers = (
        engine(1, 2, None),
        engine(1, 2, Authentication(HmacSha1(b"stranger" * 3), NULL_SUITE)),
    )
    right = engine(2, 1, suites[1])
    for count, stranger in enumerate(strangers, 1):
        stranger.send(bytes(40), 7, 0.0)
        (octets,) = octets_of(stranger)
        (discarded,) = right.receive(octets, 0.0)
        assert isinstance(discarded, SegmentDiscarded)
        assert right.unauthenticated == count
    # and what stands behind them in one frame is still read
    left = engine(1, 2, suites[0])
    left.send(b"good", 8, 0.0)
    strangers[0].send(b"bad!", 9, 0.0)
    out = right.receive(octets_of(strangers[0])[0] + octets_of(left)[0], 0.0)
    assert [part.data for part in of(RedPartReceived, out)] == [b"good"]
    assert right.unauthenticated == 3


def test_a_segment_that_is_moved_to_another_session_is_not_believed(suites):
    left, right = engine(1, 2, suites[0]), engine(2, 1, suites[1])
    left.send(b"block", 7, 0.0)
    (octets,) = octets_of(left)
    assert octets[2] == 100  # the session number, one octet
    moved = octets[:2] + b"\x65" + octets[3:]
    assert decode_segment(moved).session.number == 101
    assert [type(one) for one in right.receive(moved, 0.0)] == [SegmentDiscarded]


def test_the_value_is_the_first_eighty_bits_of_the_hmac_of_all_before_the_trailer():
    key = b"k" * 20
    left = engine(1, 2, Authentication(HmacSha1(key), HmacSha1(key)))
    left.send(b"abc", 7, 0.0)
    (octets,) = octets_of(left)
    segment = decode_segment(octets)
    assert segment.type == SegmentType.RED_CHECKPOINT_EORP_EOB
    value = hmac.new(key, octets[:-12], hashlib.sha1).digest()[:10]
    assert octets[-12:] == b"\x00\x0a" + value
    assert segment.extensions.header == (Extension(0, b"\x00"),)
    assert segment.extensions.trailer == (Extension(0, value),)


@given(st.binary(max_size=200))
def test_no_octets_at_all_get_past_and_nothing_breaks(octets):
    key = HmacSha1(b"0123456789abcdef")
    right = engine(2, 1, Authentication(key, key))
    assert {type(one) for one in right.receive(octets, 0.0)} <= {SegmentDiscarded}


def test_a_node_has_its_own_private_key_and_of_others_the_public_one(rsa_keys):
    pair = LtpAuthentication(suite=RSA_SHA256, keys={k: rsa_keys[k] for k in "ab"})
    mine = pair.for_node("a", "b")
    assert set(pair.for_node("a", "").keys) == {"a"}
    assert b"PRIVATE" in mine.keys["a"]
    assert b"PRIVATE" not in mine.keys["b"]
    assert mine.of("b").value_bytes == 256
    assert "PRIVATE" not in repr(pair) + repr(mine) + repr(mine.of("a"))


@pytest.mark.parametrize(
    "pem", [b"", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"]
)
def test_what_is_no_rsa_key_is_refused(pem):
    with pytest.raises(InvalidValue, match="RSA"):
        RsaSha256(pem)


def test_a_short_rsa_key_is_refused(rsa_keys):
    with pytest.raises(InvalidValue, match="2048"):
        RsaSha256(rsa_keys["short"])


def test_segments_too_short_for_a_signature_are_refused(rsa_keys):
    suite = RsaSha256(rsa_keys["a"])
    with pytest.raises(InvalidValue, match="segments of at least"):
        engine(1, 2, Authentication(suite, suite), segment_bytes=300)
