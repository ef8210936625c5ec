"""The setup of a scenario made in a process of its own: what the ephemerides, scipy and numba take goes when it ends.

A month of `moonbase-alpha` is planned in 300 MB and run in 300 MB. In one process the second comes on top of what is
left of the first, a hundred MB of libraries that a run never asks again.

python -m emulator.setup.apart FD: started here, with a socket to who wants the setup. What it makes is what
`with_geometry` makes, as are its faults and doubts; it ends with the process that asked, however that ends.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, NamedTuple

from dtn.errors import BadInput, Fault
from emulator.doubts import Doubt, doubt
from emulator.setup.of_scenario import with_geometry
from emulator.setup.setup import Setup

if TYPE_CHECKING:
    from emulator.geometry import Geometry
    from emulator.scenario import Scenario

WORTH_A_PROCESS_S = 200 * 86400.0
"""Seconds of all nodes together; below, to start a process and to import it all there takes longer than the plan."""


class _Stage(NamedTuple):
    what: str
    part: float


class _Doubted(NamedTuple):
    sentence: str


class _Made(NamedTuple):
    setup: Setup
    geometry: Geometry


class _Refused(NamedTuple):
    faults: tuple[Fault, ...]


def with_geometry_apart(
    scenario: Scenario, progress: Callable[[str, float], object] | None = None
) -> tuple[Setup, Geometry]:
    """As `with_geometry`; by another process where the scenario is worth one.

    Raises:
        BadInput: a path or a link that cannot be.
    """
    if len(scenario.ipn_numbers()) * scenario.duration_s < WORTH_A_PROCESS_S:
        return with_geometry(scenario, progress)
    mine, its = socket.socketpair()
    with its:
        process = subprocess.Popen(
            [sys.executable, "-m", "emulator.setup.apart", str(its.fileno())],
            stdin=subprocess.DEVNULL,
            pass_fds=(its.fileno(),),
            start_new_session=True,  # Control-C is for this process
        )
    pipe: Connection[object, object] = Connection(mine.detach())
    try:
        pipe.send(scenario)
        said = pipe.recv()
        while isinstance(said, _Stage | _Doubted):
            if isinstance(said, _Doubted):
                doubt(said.sentence)
            elif progress is not None:
                progress(*said)
            said = pipe.recv()
    except (OSError, EOFError):
        mend = "the process that plans it has ended; see above"
        raise BadInput(Fault(str(scenario.file), "", scenario.name, mend)) from None
    finally:
        pipe.close()
        process.kill()  # it has told all that it had to tell, or nobody waits for it any more
        process.wait()
    if isinstance(said, _Refused):
        raise BadInput(*said.faults)
    assert isinstance(said, _Made)
    return said.setup, said.geometry


def _serve(pipe: Connection[object, object]) -> None:
    """Make the setup of the one scenario that is asked for."""
    from emulator.scenario import Scenario

    scenario = pipe.recv()
    assert isinstance(scenario, Scenario)
    said: object
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", Doubt)
        try:
            said = _Made(*with_geometry(scenario, lambda *stage: pipe.send(_Stage(*stage))))
        except BadInput as bad:
            said = _Refused(bad.faults)
    for sentence in dict.fromkeys(str(w.message) for w in caught if issubclass(w.category, Doubt)):
        pipe.send(_Doubted(sentence))
    pipe.send(said)


if __name__ == "__main__":
    # under its own name, so that what is sent is of the classes that the other process knows
    from emulator.setup import apart

    with suppress(OSError, EOFError):  # nobody waits for it any more
        apart._serve(Connection(int(sys.argv[1])))
