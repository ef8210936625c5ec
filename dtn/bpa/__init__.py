"""The bundle protocol agent: the procedures of RFC 9171 section 5 as a machine."""

from dtn.bpa.agent import Agent
from dtn.bpa.request import AgentOptions, Reason, TransmissionRequest

__all__ = ["Agent", "AgentOptions", "Reason", "TransmissionRequest"]
