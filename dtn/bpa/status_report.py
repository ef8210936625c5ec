"""Which status report an event at this node makes (RFC 9171 section 6.1.1), as a request to transmit."""

from __future__ import annotations

from dtn.administrative_record import StatusAssertion, StatusReport, encode
from dtn.bpa.request import TransmissionRequest
from dtn.bundle import BundleFlag
from dtn.stored_bundle import StoredBundle

ASSERTIONS = (
    BundleFlag.REPORT_RECEPTION,
    BundleFlag.REPORT_FORWARDING,
    BundleFlag.REPORT_DELIVERY,
    BundleFlag.REPORT_DELETION,
)
"""The order in which a status report makes its four assertions."""


def report_on(
    record: StoredBundle, flag: int, reason: int, start_dtn_ms: int, now_s: float
) -> TransmissionRequest | None:
    """The report that a bundle asked for; None where it must not be made.

    Never about an administrative record, a bundle from nobody, or to nobody (§4.2.3, §5.1).
    """
    primary = record.bundle.primary
    if record.bundle.is_administrative or primary.source.is_null or primary.report_to.is_null:
        return None
    timed = bool(primary.flags & BundleFlag.STATUS_TIME_REQUESTED)
    time_ms = start_dtn_ms + int(now_s * 1000) if timed else None
    report = StatusReport(
        *(
            StatusAssertion(True, time_ms) if asserted == flag else StatusAssertion(False)
            for asserted in ASSERTIONS
        ),
        reason=int(reason),
        subject=record.bundle.id,
    )
    return TransmissionRequest(
        service="0",
        destination=primary.report_to,
        payload=encode(report),
        lifetime_s=primary.lifetime_ms / 1000,
        flow="administrative",
        flags=BundleFlag.ADMINISTRATIVE_RECORD,
    )
