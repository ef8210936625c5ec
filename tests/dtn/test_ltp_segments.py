"""LTP segments: outside vectors first, then what the RFC forbids, then properties, then fuzz."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ltp_fuzz import fuzz_codec

from dtn.errors import MalformedSegment
from dtn.ltp.extents import Extents
from dtn.ltp.sdnv import LARGEST, encode_sdnv, read_sdnv, sdnv_bytes
from dtn.ltp.segment import (
    KEEPALIVE,
    CancelAck,
    CancelSegment,
    DataSegment,
    Extension,
    Extensions,
    ReportAck,
    ReportSegment,
    SegmentType,
    SessionId,
    decode_datagram,
    decode_segment,
    encode_segment,
    read_segment,
)

VECTORS = json.loads((Path(__file__).parents[1] / "data" / "vectors_tcpcl_ltp.json").read_text())
SESSION = SessionId(1, 77)


@pytest.mark.row("M2")
@pytest.mark.parametrize("vector", VECTORS["sdnv"], ids=lambda vector: vector["hex"])
def test_a_number_is_written_and_read_as_the_vector_says(vector):
    octets = bytes.fromhex(vector["hex"])
    assert encode_sdnv(vector["value"]) == octets
    assert read_sdnv(octets, 0) == (vector["value"], len(octets))
    assert sdnv_bytes(vector["value"]) == len(octets)


@pytest.mark.row("M2")
@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"\x81",
        b"\x80" * 9,
        b"\x80" * 10 + b"\x01",
        b"\xff" * 11 + b"\0",
        b"\x82" + b"\x80" * 8 + b"\0",
        b"\x83" + b"\xff" * 8 + b"\x7f",
        b"\xff" * 100_000,
    ],
    ids=lambda octets: octets[:12].hex(),
)
def test_a_number_that_does_not_end_or_needs_more_than_64_bits_is_refused(octets):
    with pytest.raises(MalformedSegment):
        read_sdnv(octets, 0)


@given(st.integers(0, LARGEST), st.binary(max_size=4))
def test_a_number_is_read_as_it_was_written(value, behind):
    octets = encode_sdnv(value)
    assert read_sdnv(octets + behind, 0) == (value, len(octets)) == (value, sdnv_bytes(value))


@pytest.mark.row("M1", "M2", "M3", "M5")
@pytest.mark.parametrize("vector", VECTORS["ltp"], ids=lambda vector: vector["id"])
def test_a_segment_is_accepted_or_discarded_as_the_vector_says(vector):
    octets = bytes.fromhex(vector["hex"])
    if vector["expect"] == "accept":
        assert encode_segment(decode_segment(octets)) == octets
    else:
        with pytest.raises(MalformedSegment):
            decode_segment(octets)


def test_the_fields_of_the_report_in_the_rfc_are_read_as_the_rfc_says():
    octets = next(v["hex"] for v in VECTORS["ltp"] if v["id"] == "LTP09")
    report = decode_segment(bytes.fromhex(octets))
    assert (report.serial, report.lower, report.upper) == (9001, 1000, 6000)
    assert report.claims == ((0, 2000), (3000, 500))


@pytest.mark.row("M1")
@pytest.mark.parametrize("kind", [5, 6, 10, 11])
@pytest.mark.parametrize("behind", [b"", bytes(16), b"\x01\0\x01x"])
def test_a_segment_of_an_undefined_type_is_refused(kind, behind):
    with pytest.raises(MalformedSegment):
        decode_segment(bytes((kind, 1, 77, 0)) + behind)


@pytest.mark.row("M1")
@pytest.mark.parametrize("version", range(1, 16))
def test_a_segment_of_another_version_is_refused(version):
    octets = encode_segment(ReportAck(SESSION, 5))
    with pytest.raises(MalformedSegment):
        decode_segment(bytes((octets[0] | version << 4,)) + octets[1:])


@pytest.mark.row("M3")
@pytest.mark.parametrize("kind", [0, 1, 2, 3, 4, 7])
def test_only_the_red_types_1_to_3_have_checkpoint_fields(kind):
    serials = {"checkpoint": 9, "report": 4} if kind in (1, 2, 3) else {}
    octets = encode_segment(DataSegment(kind, SESSION, 1, 2, b"abc", **serials))
    assert len(octets) == 4 + 3 + 3 + (2 if kind in (1, 2, 3) else 0)
    segment = decode_segment(octets)
    assert (segment.checkpoint, segment.report) == ((9, 4) if kind in (1, 2, 3) else (0, 0))


@pytest.mark.row("M5")
@pytest.mark.parametrize(
    ("lower", "upper", "claims"),
    [
        (0, 100, ((0, 0),)),
        (0, 100, ((0, 101),)),
        (0, 100, ((90, 11),)),
        (0, 100, ((10, 10), (5, 3))),
        (0, 100, ((0, 10), (10, 5))),
        (0, 100, ((0, 10), (9, 5))),
        (0, 100, ((0, LARGEST),)),
        (0, 100, ((LARGEST, 1),)),
        (50, 100, ((0, 51),)),
        (100, 100, ()),
        (101, 100, ()),
    ],
)
def test_claims_lie_in_the_bounds_ascending_with_gaps_and_none_empty(lower, upper, claims):
    with pytest.raises(MalformedSegment):
        decode_segment(encode_segment(ReportSegment(SESSION, 1, 2, upper, lower, claims)))


@pytest.mark.row("M25")
def test_a_datagram_is_one_segment_or_a_keepalive():
    octets = encode_segment(ReportAck(SESSION, 9))
    assert decode_datagram(octets) == ReportAck(SESSION, 9)
    assert decode_datagram(KEEPALIVE) is None
    for wrong in (b"", bytes(3), bytes(5), octets * 2, octets[:-1]):
        with pytest.raises(MalformedSegment):
            decode_datagram(wrong)


SESSIONS = st.builds(SessionId, st.integers(0, LARGEST), st.integers(0, LARGEST))
SERIALS = st.integers(1, LARGEST)
EXTENSION_LISTS = st.lists(
    st.builds(Extension, st.integers(0, 255), st.binary(max_size=5)), max_size=15
).map(tuple)
EXTENSIONS = st.builds(Extensions, EXTENSION_LISTS, EXTENSION_LISTS)


@st.composite
def data_segments(draw):
    kind = draw(st.sampled_from([0, 1, 2, 3, 4, 7]))
    data = draw(st.binary(max_size=40))
    serials = (draw(SERIALS), draw(st.integers(0, LARGEST))) if 0 < kind < 4 else (0, 0)
    offset = draw(st.integers(0, LARGEST - len(data)))
    service = draw(st.integers(0, LARGEST))
    session = draw(SESSIONS)
    return DataSegment(kind, session, service, offset, data, *serials, draw(EXTENSIONS))


@st.composite
def report_segments(draw):
    edges = sorted(draw(st.sets(st.integers(0, 2**40), min_size=2, max_size=12)))
    lower, upper = edges[0], edges[-1]
    inner = [edge - lower for edge in edges[1:-1]]
    claims = tuple((a, b - a) for a, b in zip(inner[::2], inner[1::2], strict=False))
    checkpoint = draw(st.integers(0, LARGEST))
    session, serial = draw(SESSIONS), draw(SERIALS)
    return ReportSegment(session, serial, checkpoint, upper, lower, claims, draw(EXTENSIONS))


SEGMENTS = st.one_of(
    data_segments(),
    report_segments(),
    st.builds(ReportAck, SESSIONS, SERIALS, EXTENSIONS),
    st.builds(CancelSegment, SESSIONS, st.booleans(), st.integers(0, 255), EXTENSIONS),
    st.builds(CancelAck, SESSIONS, st.booleans(), EXTENSIONS),
)


@given(SEGMENTS, st.binary(max_size=8))
def test_a_segment_is_read_as_it_was_written_wherever_it_stands(segment, around):
    octets = encode_segment(segment)
    assert decode_segment(octets) == segment
    found = read_segment(around + octets + around, len(around))
    assert found == (segment, len(around) + len(octets))


@given(SEGMENTS)
def test_a_segment_cut_short_anywhere_is_refused(segment):
    octets = encode_segment(segment)
    for end in range(len(octets)):
        with pytest.raises(MalformedSegment):
            decode_segment(octets[:end])


@given(st.binary(max_size=64))
def test_any_octets_are_a_segment_or_malformed_and_nothing_else(octets):
    try:
        segment = decode_segment(octets)
    except MalformedSegment:
        return
    assert decode_segment(encode_segment(segment)) == segment


@pytest.mark.row("M1", "M2")
def test_mutated_segments_are_segments_or_malformed():
    assert 1_000 < fuzz_codec(10_000, seed=20) < 10_000


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 12)), max_size=30))
def test_extents_are_the_set_of_octets_that_were_put_in(stretches):
    extents, octets = Extents(), set()
    for start, length in stretches:
        new = extents.add(start, start + length)
        added = {octet for a, b in new for octet in range(a, b)}
        assert added == set(range(start, start + length)) - octets
        octets |= added
        for lower, upper in ((0, 80), (start, start + length), (start + 1, start + 9)):
            inside = {octet for a, b in extents.within(lower, upper) for octet in range(a, b)}
            lacking = {octet for a, b in extents.gaps(lower, upper) for octet in range(a, b)}
            assert inside == octets & set(range(lower, upper))
            assert lacking == set(range(lower, upper)) - octets
            assert extents.covers(lower, upper) == (not lacking)
    assert extents.end == max(octets, default=-1) + 1


@pytest.mark.row("M3")
def test_the_types_are_numbered_as_in_the_rfc():
    numbers = sorted(v for k, v in vars(SegmentType).items() if k.isupper())
    assert numbers == [0, 1, 2, 3, 4, 7, 8, 9, 12, 13, 14, 15]
