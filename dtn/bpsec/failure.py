"""Failure: why a security operation did not hold, with its reason code."""

from __future__ import annotations

from typing import NamedTuple

from dtn.administrative_record import Reason


class Failure(NamedTuple):
    """An operation that is missing, unknown, unexpected, failed or in conflict.

    Args:
        reason: 12 to 16 of `Reason` (RFC 9172 section 11.2).
        why: in words; never anything of a key.
    """

    reason: int
    why: str


def unknown(why: str) -> Failure:
    """A context, a variant or a key that this node does not have."""
    return Failure(Reason.UNKNOWN_SECURITY_OPERATION, why)


def failed(why: str) -> Failure:
    """An operation that was checked and does not hold."""
    return Failure(Reason.FAILED_SECURITY_OPERATION, why)
