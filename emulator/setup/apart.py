"""The setup of a scenario made in a process of its own: what the ephemerides, scipy and numba take goes when it ends.

A month of `moonbase-alpha` is planned in 300 MB and run in 300 MB. In one process the second comes on top of what is
left of the first, a hundred MB of libraries that a run never asks again.

python -m emulator.setup.apart WHAT FD: started here, with a socket to who wants it. What it makes is what
`with_geometry` makes, as are its faults and doubts; it ends with the process that asked, however that ends. It has
another one look where everything is and how the Sun shines there, on the other core, while it plans.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any, NamedTuple

from dtn.errors import BadInput, Fault
from emulator.doubts import Doubt, doubt
from emulator.setup.of_scenario import places_in, with_geometry
from emulator.setup.setup import Setup

if TYPE_CHECKING:
    from emulator.geometry import Geometry
    from emulator.scenario import Scenario
    from nodes.spacecraft.options import SpacecraftOptions

WORTH_A_PROCESS_S = 200 * 86400.0
"""Seconds of all nodes together; below, to start a process and to import it all there takes longer than the plan."""


class _Stage(NamedTuple):
    what: str
    part: float


class _Doubted(NamedTuple):
    sentence: str


class _Made(NamedTuple):
    what: object


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
    with _asked(scenario, _setup) as answer:
        setup, geometry = answer(progress)
    return setup, geometry


def _setup(scenario: Scenario, progress: Callable[[str, float], object]) -> tuple[Setup, Geometry]:
    with _asked(scenario, _places) as answer:
        return with_geometry(scenario, progress, lambda sky: answer(None))


def _places(
    scenario: Scenario, progress: Callable[[str, float], object]
) -> tuple[Geometry, Mapping[str, SpacecraftOptions]]:
    from emulator.sky.scenario_sky import ScenarioSky

    with ScenarioSky(scenario) as sky:
        return places_in(sky)


_WORK = {work.__name__: work for work in (_setup, _places)}


@contextmanager
def _asked(
    scenario: Scenario, work: Callable[..., object]
) -> Iterator[Callable[[Callable[[str, float], object] | None], Any]]:
    """A process that works on a scenario, and what waits for its answer, telling how far it is.

    Raises:
        BadInput: what the work raises, or the process has ended.
    """
    mine, its = socket.socketpair()
    with its:
        process = subprocess.Popen(
            [sys.executable, "-m", "emulator.setup.apart", work.__name__, str(its.fileno())],
            stdin=subprocess.DEVNULL,
            pass_fds=(its.fileno(),),
            start_new_session=True,  # Control-C is for this process
        )
    pipe: Connection[object, object] = Connection(mine.detach())

    def answer(progress: Callable[[str, float], object] | None) -> Any:
        try:
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
        if isinstance(said, _Refused):
            raise BadInput(*said.faults)
        assert isinstance(said, _Made)
        return said.what

    try:
        with suppress(OSError):  # it has ended already: the answer will not come
            pipe.send(scenario)
        yield answer
    finally:
        pipe.close()
        process.kill()  # it has told all that it had to tell, or nobody waits for it any more
        process.wait()


def _serve(what: str, pipe: Connection[object, object]) -> None:
    """Work on the one scenario that is asked for."""
    from emulator.scenario import Scenario

    scenario = pipe.recv()
    assert isinstance(scenario, Scenario)
    said: object
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", Doubt)
        try:
            said = _Made(_WORK[what](scenario, lambda *stage: pipe.send(_Stage(*stage))))
        except BadInput as bad:
            said = _Refused(bad.faults)
    for sentence in dict.fromkeys(str(w.message) for w in caught if issubclass(w.category, Doubt)):
        pipe.send(_Doubted(sentence))
    pipe.send(said)


if __name__ == "__main__":
    # under its own name, so that what is sent is of the classes that the other process knows
    from emulator.setup import apart

    with suppress(OSError, EOFError):  # nobody waits for it any more
        apart._serve(sys.argv[1], Connection(int(sys.argv[2])))
