"""TCPCLv4, the TCP convergence layer (RFC 9174), without input and output."""

from dtn.tcpcl.message import RefuseReason, TermReason
from dtn.tcpcl.options import SessionOptions
from dtn.tcpcl.session import Session
from dtn.tcpcl.table import State

__all__ = ["RefuseReason", "Session", "SessionOptions", "State", "TermReason"]
