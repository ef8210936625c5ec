"""TCPCLv4 messages: known octets, both ways, cut anywhere."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tcpcl_ends import KNOWN, messages

from dtn.tcpcl.codec import Flaw, MalformedMessage, MessageReader, encode
from dtn.tcpcl.extension import (
    CRITICAL,
    ExtensionItem,
    encode_extensions,
    read_extensions,
    transfer_length,
    transfer_length_item,
)
from dtn.tcpcl.message import (
    ContactHeader,
    Keepalive,
    MessageReject,
    RefuseReason,
    RejectReason,
    SessionInit,
    SessionTerm,
    TermReason,
    TransferAck,
    TransferRefuse,
    TransferSegment,
)

UNKNOWN_ITEM = ExtensionItem(0xFFFE, b"exthi")
LENGTH_3 = encode_extensions([transfer_length_item(3)])

MEANINGS = [
    ("TCP04", SessionInit(0, 2**64 - 1, 2**64 - 1)),
    ("TCP05", SessionInit(300, 1024, 10240, "hello")),
    ("TCP06", SessionInit(30, 65536, 1048576, "ipn:1.0")),
    ("TCP07", SessionInit(300, 1024, 10240, "hello", bytes.fromhex("01fffe00056578746869"))),
    ("TCP08", SessionInit(300, 1024, 10240, "ipn:1.0", encode_extensions([UNKNOWN_ITEM]))),
    ("TCP09", TransferSegment(3, 0, KNOWN["TCP09"][22:])),
    ("TCP10", TransferSegment(2, 1234, b"hello")),
    ("TCP11", TransferSegment(0, 1234, b"hello")),
    ("TCP12", TransferSegment(1, 1234, b"hello")),
    (
        "TCP13",
        TransferSegment(2, 1234, b"hello", encode_extensions([transfer_length_item(800)])),
    ),
    ("TCP14", TransferSegment(2, 1234, b"hello", bytes.fromhex("01fffe0000"))),
    ("TCP15", TransferAck(1, 1234, 43210)),
    ("TCP16", TransferRefuse(RefuseReason.NO_RESOURCES, 1234)),
    ("TCP17", Keepalive()),
    ("TCP18", SessionTerm(0, TermReason.BUSY)),
    ("TCP19", SessionTerm(1, TermReason.CONTACT_FAILURE)),
    ("TCP20", MessageReject(RejectReason.UNSUPPORTED, 7)),
    ("TCP26", TransferSegment(1, 7, b"x")),
    ("TCP27", TransferAck(1, 999, 1)),
    ("TCP28", SessionInit(30, 1, 1)),
    ("TCP30", SessionInit(30, 1024, 1024, "", b"\x01\x00\x01")),
    ("TCP32", TransferSegment(2, 0, b"ab", LENGTH_3 + LENGTH_3)),
]


@pytest.mark.row("L5", "L10", "L18")
@pytest.mark.parametrize(("vector", "message"), MEANINGS)
def test_known_octets_are_read_and_written(vector, message):
    assert messages(KNOWN[vector]) == [message]
    assert encode(message) == KNOWN[vector]


@pytest.mark.row("L1", "L4")
@pytest.mark.parametrize(
    ("vector", "header"),
    [
        ("TCP01", ContactHeader(0, 4)),
        ("TCP02", ContactHeader(1, 4)),
        ("TCP03", ContactHeader(0xFE, 4)),
        ("TCP22", ContactHeader(0, 3)),
        ("TCP23", ContactHeader(0, 5)),
    ],
)
def test_contact_headers_are_read_and_written(vector, header):
    reader = MessageReader(1)
    reader.feed(KNOWN[vector])
    assert reader.contact_header() == header
    assert encode(header) == KNOWN[vector]


@pytest.mark.row("L1")
@pytest.mark.parametrize("octets", [b"x", b"dtm", b"dtn?\x04\x00", KNOWN["TCP21"], b"GET / HTTP"])
def test_another_beginning_is_known_from_the_first_octet_that_differs(octets):
    reader = MessageReader(1)
    reader.feed(octets)
    with pytest.raises(MalformedMessage) as fault:
        reader.contact_header()
    assert fault.value.flaw is Flaw.MAGIC


@pytest.mark.row("L5", "L9", "L18")
@pytest.mark.parametrize(
    ("octets", "flaw", "header"),
    [
        (KNOWN["TCP24"], Flaw.TYPE, 8),
        (KNOWN["TCP25"], Flaw.TYPE, 0),
        (b"\xff", Flaw.TYPE, 0xFF),
        (KNOWN["TCP29"], Flaw.LENGTH, 1),
        (KNOWN["TCP31"], Flaw.CONTENT, 7),
        (bytes.fromhex("0100" + "00" * 8 + "0000000000000401"), Flaw.LENGTH, 1),
        (bytes.fromhex("0102" + "00" * 8 + "ffffffff"), Flaw.LENGTH, 1),
        (bytes.fromhex("07001e" + "00" * 16 + "0000" + "ffffffff"), Flaw.LENGTH, 7),
    ],
)
def test_what_cannot_be_read_any_further_says_what_and_where(octets, flaw, header):
    reader = MessageReader(1024)
    reader.feed(octets)
    with pytest.raises(MalformedMessage) as fault:
        reader.message()
    assert (fault.value.flaw, fault.value.header) == (flaw, header)


@pytest.mark.parametrize(
    ("octets", "items"),
    [
        (b"", ()),
        (b"\x00\xff\xfe\x00\x00", (ExtensionItem(0xFFFE, b""),)),
        (LENGTH_3, (ExtensionItem(1, bytes(7) + b"\x03", CRITICAL),)),
        (b"\x01\x00\x01", None),
        (b"\x01\x00\x01\x00\x08\x00", None),
        (LENGTH_3 + b"\x00", None),
    ],
)
def test_extension_lists_are_read_whole_or_not_at_all(octets, items):
    assert read_extensions(octets) == items


def test_a_transfer_length_of_another_size_is_none():
    assert transfer_length(transfer_length_item(800)) == 800
    assert transfer_length(ExtensionItem(1, b"\x03")) is None


def test_reasons_that_do_not_exist_are_read_as_unknown():
    assert messages(bytes.fromhex("05ff77 06 99 07 03 aa 0000000000000001")) == [
        SessionTerm(0xFF, TermReason.UNKNOWN),
        MessageReject(RejectReason.UNKNOWN, 7),
        TransferRefuse(RefuseReason.UNKNOWN, 1),
    ]


UINT64 = st.integers(0, 2**64 - 1)
OCTET = st.integers(0, 255)
ITEMS = st.lists(st.builds(ExtensionItem, st.integers(0, 0xFFFF), st.binary(max_size=9), OCTET))
EXTENSIONS = ITEMS.map(encode_extensions)
MESSAGES = st.one_of(
    st.builds(
        SessionInit, st.integers(0, 0xFFFF), UINT64, UINT64, st.text(max_size=30), EXTENSIONS
    ),
    st.builds(TransferSegment, st.sampled_from((0, 1)), UINT64, st.binary(), st.just(b"")),
    st.builds(TransferSegment, st.sampled_from((2, 3)), UINT64, st.binary(), EXTENSIONS),
    st.builds(TransferAck, OCTET, UINT64, UINT64),
    st.builds(TransferRefuse, st.sampled_from(RefuseReason), UINT64),
    st.just(Keepalive()),
    st.builds(SessionTerm, OCTET, st.sampled_from(TermReason)),
    st.builds(MessageReject, st.sampled_from(RejectReason), OCTET),
)


@pytest.mark.row("L22")
@given(st.lists(MESSAGES, max_size=8), st.lists(st.integers(1, 40)))
def test_messages_are_the_same_wherever_the_stream_is_cut(sent, cuts):
    octets = b"".join(map(encode, sent))
    reader = MessageReader(2**20)
    received = []
    sizes = iter(cuts)
    while octets:
        size = next(sizes, 1)
        reader.feed(octets[:size])
        octets = octets[size:]
        while (message := reader.message()) is not None:
            received.append(message)
    assert received == sent
    assert reader.pending_bytes == 0


@given(st.binary(max_size=200))
def test_any_octets_are_messages_or_a_malformed_one_and_never_kept_beyond_what_came(octets):
    reader = MessageReader(100)
    reader.feed(octets)
    try:
        while reader.message() is not None:
            pass
    except MalformedMessage:
        pass
    assert reader.pending_bytes <= len(octets)
