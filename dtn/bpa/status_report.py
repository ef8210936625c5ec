"""Which status report an event at this node makes (RFC 9171 section 6.1.1), as a request to transmit."""

from __future__ import annotations

from dtn.administrative_record import encode, report_about
from dtn.bpa.request import TransmissionRequest
from dtn.bundle import BundleFlag
from dtn.stored_bundle import StoredBundle


def report_on(
    record: StoredBundle, flag: int, reason: int, start_dtn_ms: int, now_s: float
) -> TransmissionRequest | None:
    """The report that a bundle asked for; None where it must not be made.

    Never about an administrative record, a bundle from nobody, or to nobody (§4.2.3, §5.1).
    """
    bundle = record.bundle
    primary = bundle.primary
    if bundle.is_administrative or primary.source.is_null or primary.report_to.is_null:
        return None
    report = report_about(
        bundle,
        start_dtn_ms + int(now_s * 1000),
        received=flag == BundleFlag.REPORT_RECEPTION,
        forwarded=flag == BundleFlag.REPORT_FORWARDING,
        delivered=flag == BundleFlag.REPORT_DELIVERY,
        deleted=flag == BundleFlag.REPORT_DELETION,
        reason=reason,
    )
    return TransmissionRequest(
        service="0",
        destination=primary.report_to,
        payload=encode(report),
        lifetime_s=primary.lifetime_ms / 1000,
        flow="administrative",
        flags=BundleFlag.ADMINISTRATIVE_RECORD,
    )
