"""The administrative element: what this node does with administrative records that are for it (RFC 9171 section 6).

A status report becomes the event `StatusReported`. A record of unknown type is ignored (§6.1), one that cannot be
read costs itself: until here nobody has judged its content.
"""

from __future__ import annotations

from dtn.administrative_record import StatusReport, decode
from dtn.bundle import Bundle, BundleId, FragmentField
from dtn.errors import MalformedBundle
from dtn.events import BundleMalformed, Event, StatusReported


def administer(
    bundle: Bundle, node: str, previous: str | None, size_bytes: int, now_s: float
) -> list[Event]:
    """What a record says, as events."""
    try:
        record = decode(bundle.payload)
    except MalformedBundle as fault:
        return [
            BundleMalformed(now_s, node, previous or node, size_bytes, fault.layer, fault.reason)
        ]
    if not isinstance(record, StatusReport):
        return []
    return [
        StatusReported(
            now_s,
            node,
            _subject(record),
            str(bundle.primary.source),
            ", ".join(_asserted(record)),
            record.reason,
        )
    ]


def _subject(report: StatusReport) -> str:
    """The identity of the bundle that the report is about."""
    offset = report.fragment_offset
    fragment = None if offset is None else FragmentField(offset, 0)
    return str(BundleId(report.source, report.creation, fragment, report.payload_bytes))


def _asserted(report: StatusReport) -> list[str]:
    names = ("received", "forwarded", "delivered", "deleted")
    return [name for name in names if getattr(report, name).asserted]
