"""Applications: what sources bundles and what they are for."""

from nodes.applications.file import File
from nodes.applications.flow import Flow
from nodes.applications.moments import on_off, periodic, poisson
from nodes.applications.ping import Echo, Ping
from nodes.applications.receiver import Receiver
from nodes.applications.responder import Responder
from nodes.applications.telemetry import Telemetry

__all__ = [
    "Echo",
    "File",
    "Flow",
    "Ping",
    "Receiver",
    "Responder",
    "Telemetry",
    "on_off",
    "periodic",
    "poisson",
]
