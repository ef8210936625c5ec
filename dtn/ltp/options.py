"""How one LTP engine is set up."""

from __future__ import annotations

from dataclasses import dataclass

from dtn.errors import InvalidValue

LEAST_SEGMENT_BYTES = 128
"""Room for the longest header, one claim and some data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOptions:
    """How one LTP engine is set up.

    Args:
        segment_bytes: the longest segment, header included.
        max_export_sessions: blocks under way at once; further ones wait. Goodput hangs on it (dtn.ltp.goodput).
        max_import_sessions: blocks coming in at once; segments of further ones are discarded.
        checkpoint_limit: how often a checkpoint is sent again before its session is cancelled (§6.7).
        report_limit: how often a report is (§6.8).
        cancel_limit: how often a cancellation is before the session is just closed (§6.16).
        round_limit: how many retransmissions may follow one another in a session (§6.13).
        abandon_s: an incoming block of which nothing was heard for so long makes room for new ones.
        reports_wait: whether no report on a whole red part goes out before the client has called `accept`: then nothing
            is acknowledged that its store does not have.
        client_services: for whom blocks are taken; others are refused (UNREACH).

    Raises:
        InvalidValue: a number that cannot be.
    """

    segment_bytes: int = 1400
    max_export_sessions: int = 100
    max_import_sessions: int = 10_000
    checkpoint_limit: int = 10
    report_limit: int = 10
    cancel_limit: int = 10
    round_limit: int = 20
    abandon_s: float = 30 * 86400.0
    reports_wait: bool = False
    client_services: frozenset[int] = frozenset((1,))

    def __post_init__(self) -> None:
        if self.segment_bytes < LEAST_SEGMENT_BYTES:
            raise InvalidValue(
                "segment_bytes", self.segment_bytes, f"give at least {LEAST_SEGMENT_BYTES} octets"
            )
        for key in ("max_export_sessions", "max_import_sessions"):
            if getattr(self, key) < 1:
                raise InvalidValue(key, getattr(self, key), "allow at least one session")
        for key in ("checkpoint_limit", "report_limit", "cancel_limit", "round_limit"):
            if getattr(self, key) < 0:
                raise InvalidValue(key, getattr(self, key), "must not be negative")


BUNDLE_PROTOCOL = 1
"""Client service number of the bundle protocol in LTP."""
