"""Computing where the data is: jobs, the executors that run them, and the policies that say where.

`placement` is the interface that users write policies for, `job` the octets that travel, `executor` the machine,
`computer` its node, `outlook` what a satellite expects.
"""

from nodes.computing.executor import Computing, Executor
from nodes.computing.job import COMPUTING_SERVICE, Job
from nodes.computing.placement import Forecast, Placement, View, load_placement, placement

__all__ = [
    "COMPUTING_SERVICE",
    "Computing",
    "Executor",
    "Forecast",
    "Job",
    "Placement",
    "View",
    "load_placement",
    "placement",
]
