"""A block of LTP: an engine at each end, and segments about it."""

import random

from ltp_pair import AAL_S, LIGHT_S, engine, taken

from dtn.ltp.segment import (
    DataSegment,
    ReportSegment,
    SegmentType,
    SessionId,
)

BLOCK = random.Random(3).randbytes(6000)
SESSION = SessionId(1, 100)
DEADLINE_S = 2 * (LIGHT_S + AAL_S)


def sender(block=BLOCK, **options):
    """An engine that has sent a block once; with its segments."""
    side = engine(1, 2, segment_bytes=1020, **options)
    side.send(block, 7, 0.0)
    return side, taken(side)


def receiver(**options):
    return engine(2, 1, segment_bytes=1020, **options)


def red(start, end, kind=SegmentType.RED, checkpoint=0, report=0, session=SESSION, block=BLOCK):
    return DataSegment(kind, session, 1, start, block[start:end], checkpoint, report)


def checkpoint(start, end, serial, report=0, kind=SegmentType.RED_CHECKPOINT):
    return red(start, end, kind, serial, report)


def report_on(asked, serial, lower, upper, *claims):
    return ReportSegment(asked.session, serial, asked.checkpoint, upper, lower, claims)
