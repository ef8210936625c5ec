"""Administrative records (RFC 9171 section 6.1): rows J."""

import cbor2
import pytest
from bundles import UINT64, a_bundle, eids
from hypothesis import given
from hypothesis import strategies as st

from dtn.administrative_record import (
    Reason,
    Status,
    StatusReport,
    UnknownRecord,
    decode,
    encode,
    report_about,
)
from dtn.bundle import BundleFlag, CreationTimestamp, FragmentField
from dtn.eid import parse_eid
from dtn.errors import MalformedBundle

NOTHING = [[False], [False], [False], [False]]
SOURCE = [2, [201, 1]]


def of(value: object) -> object:
    return decode(cbor2.dumps(value))


def refused(octets: bytes) -> None:
    with pytest.raises(MalformedBundle) as fault:
        decode(octets)
    assert fault.value.layer == "administrative"


statuses = st.one_of(
    st.just(Status()), st.just(Status(True)), st.builds(Status, st.just(True), UINT64)
)
reports = st.builds(
    StatusReport,
    received=statuses,
    forwarded=statuses,
    delivered=statuses,
    deleted=statuses,
    reason=UINT64,
    source=eids(),
    creation=st.builds(CreationTimestamp, UINT64, UINT64),
)


@pytest.mark.row("J1", "J2", "J3")
@given(reports, st.none() | st.tuples(UINT64, UINT64))
def test_a_status_report_comes_back(report: StatusReport, fragment: tuple[int, int] | None) -> None:
    if fragment is not None:
        report = StatusReport(
            received=report.received,
            deleted=report.deleted,
            source=report.source,
            creation=report.creation,
            fragment_offset=fragment[0],
            payload_bytes=fragment[1],
        )
    octets = encode(report)
    assert decode(octets) == report
    assert encode(decode(octets)) == octets
    assert cbor2.dumps(cbor2.loads(octets), canonical=True) == octets


@pytest.mark.row("J1")
def test_a_record_of_unknown_type_is_kept_as_it_is() -> None:
    record = of([64, {"any": [1, "thing"]}])
    assert isinstance(record, UnknownRecord)
    assert record.type == 64
    assert cbor2.loads(encode(record)) == [64, {"any": [1, "thing"]}]


@pytest.mark.row("J1")
@pytest.mark.parametrize("value", [[1], [], 5, "x", [1, 2], [-1, []], ["1", []], [64, 1, 2], None])
def test_a_record_is_an_array_of_a_type_and_a_content(value: object) -> None:
    refused(cbor2.dumps(value))


@pytest.mark.row("J2")
def test_a_report_has_four_items_or_six_for_a_fragment() -> None:
    content = [NOTHING, 0, SOURCE, [5, 6]]
    assert isinstance(of([1, content]), StatusReport)
    report = of([1, [*content, 10, 20]])
    assert isinstance(report, StatusReport)
    assert (report.fragment_offset, report.payload_bytes) == (10, 20)
    for wrong in (content[:3], [*content, 10], [*content, 10, 20, 30]):
        refused(cbor2.dumps([1, wrong]))


@pytest.mark.row("J3")
@pytest.mark.parametrize("items", [NOTHING, [*NOTHING, [True]], [[True, 5], *NOTHING[1:]]])
def test_at_least_four_statuses_each_with_a_time_only_if_asserted(items: list[object]) -> None:
    assert isinstance(of([1, [items, 0, SOURCE, [5, 6]]]), StatusReport)


@pytest.mark.row("J3", "J6")
@pytest.mark.parametrize(
    "first", [[False, 5], [True, -5], [True, 5, 6], [], [1], [0], [None], True, ["x"], [True, "x"]]
)
def test_a_status_is_a_boolean_and_perhaps_a_time(first: object) -> None:
    refused(cbor2.dumps([1, [[first, *NOTHING[1:]], 0, SOURCE, [5, 6]]]))


@pytest.mark.row("J3")
def test_fewer_than_four_statuses_are_refused() -> None:
    refused(cbor2.dumps([1, [NOTHING[:3], 0, SOURCE, [5, 6]]]))


@pytest.mark.row("J3")
@pytest.mark.parametrize(("flags", "time_ms"), [(0, None), (BundleFlag.STATUS_TIME_REQUESTED, 77)])
def test_a_report_tells_the_time_only_if_the_subject_asked(flags: int, time_ms: int | None) -> None:
    report = report_about(a_bundle(flags=flags), 77, deleted=True, reason=Reason.LIFETIME_EXPIRED)
    assert report.deleted == Status(True, time_ms)
    assert report.received == report.forwarded == report.delivered == Status()
    assert (report.reason, str(report.source), report.creation.sequence) == (1, "ipn:201.1", 3)


@pytest.mark.row("J2", "J4")
def test_a_report_about_a_fragment_gives_its_offset_and_its_own_payload_length() -> None:
    subject = a_bundle(b"12345", fragment=FragmentField(10, 100))
    report = report_about(subject, 0, received=True)
    assert (report.fragment_offset, report.payload_bytes) == (10, 5)
    assert len(cbor2.loads(encode(report))[1]) == 6
    assert len(cbor2.loads(encode(report_about(a_bundle(), 0, received=True)))[1]) == 4


@pytest.mark.row("J5")
@pytest.mark.parametrize("reason", [*range(17), 17, 255, 2**64 - 1])
def test_known_and_unknown_reasons_are_accepted(reason: int) -> None:
    report = of([1, [NOTHING, reason, SOURCE, [5, 6]]])
    assert isinstance(report, StatusReport)
    assert report.reason == reason


@pytest.mark.parametrize("source", [[1, 0], [1, "//n/~g"], [3, "imc"], [2, [0, 5]], [2, [1, 2, 3]]])
def test_every_kind_of_endpoint_may_be_the_subjects_source(source: object) -> None:
    record = of([1, [NOTHING, 0, source, [5, 6]]])
    assert cbor2.loads(encode(record))[1][2] == source  # type: ignore[arg-type]


def test_octets_behind_a_record_are_refused_and_so_is_every_cut() -> None:
    octets = encode(StatusReport(source=parse_eid("ipn:1.1"), creation=CreationTimestamp(1, 2)))
    refused(octets + b"\x00")
    for length in range(len(octets)):
        refused(octets[:length])
    refused(b"\x82\x01\x84\x9b" + b"\xff" * 8)


@given(st.binary(max_size=60))
def test_any_octets_are_a_record_or_malformed(octets: bytes) -> None:
    for start in (b"", b"\x82\x01", b"\x82\x01\x84\x84\x81\xf4\x81\xf4\x81\xf4\x81\xf4"):
        try:
            record = decode(start + octets)
        except MalformedBundle as fault:
            assert fault.layer == "administrative"  # noqa: PT017  (most inputs raise, some must not)
        else:
            assert decode(encode(record)) == record
