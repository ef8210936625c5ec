"""Which status report an event at this node makes (RFC 9171 section 6.1.1), as a request to transmit."""

from __future__ import annotations

from dtn.administrative_record import encode, report_about
from dtn.bpa.blocks import priority_of
from dtn.bpa.request import TransmissionRequest
from dtn.bundle import Bundle, BundleFlag


def report_on(bundle: Bundle, flag: int, reason: int, dtn_ms: int) -> TransmissionRequest | None:
    """The report that a bundle asked for; None where it must not or cannot be made.

    Never about an administrative record, a bundle from nobody, or to nobody (§4.2.3, §5.1), nor to an endpoint of which
    no node can be told. A report has its subject's priority: it never pushes its own kind out of a full store.

    Args:
        bundle: the subject.
        flag: of `BundleFlag`: which kind of report.
        reason: of `Reason`.
        dtn_ms: DTN time of what happened.
    """
    primary = bundle.primary
    report_to = primary.report_to
    if bundle.is_administrative or primary.source.is_null:
        return None
    if report_to.node is None or report_to.is_local_node:
        return None
    report = report_about(
        bundle,
        dtn_ms,
        received=flag == BundleFlag.REPORT_RECEPTION,
        forwarded=flag == BundleFlag.REPORT_FORWARDING,
        delivered=flag == BundleFlag.REPORT_DELIVERY,
        deleted=flag == BundleFlag.REPORT_DELETION,
        reason=reason,
    )
    return TransmissionRequest(
        service="0",
        destination=report_to,
        payload=encode(report),
        lifetime_s=primary.lifetime_ms / 1000,
        priority=priority_of(bundle),
        flow="administrative",
        flags=BundleFlag.ADMINISTRATIVE_RECORD,
    )
