"""The bundle protocol agent: the procedures of RFC 9171 section 5 as a machine."""

from dtn.administrative_record import Reason
from dtn.bpa.agent import Agent
from dtn.bpa.request import AgentOptions, TransmissionRequest

__all__ = ["Agent", "AgentOptions", "Reason", "TransmissionRequest"]
