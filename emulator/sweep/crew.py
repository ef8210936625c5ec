"""Crews: who flies the cells of a study. All give the same outcomes, in whatever order.

A crew takes tasks and hands back each with what came of it as soon as it is there. What it computes
with is a function and its arguments, nothing else, so that it does not matter where that happens.
Processes are spawned, never forked: a script that starts a sweep needs `if __name__ == "__main__":`.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Protocol, TypeVar, cast

from dtn.contact_plan import ContactPlan
from dtn.errors import BadInput, Fault

R = TypeVar("R")
Task = tuple[object, ...]
"""Arguments of a function."""


LOOK_S = 0.5
"""So often is looked whether a signal has come: it does not wake who waits, if another thread took it."""


class WorkerDied(Exception):
    """The process that worked on a task ended without an answer: out of memory, or killed."""


class Crew(Protocol):
    """Workers."""

    @property
    def workers(self) -> int:
        """How many tasks are worked on at once."""

    def do(
        self, function: Callable[..., R], tasks: Sequence[Task]
    ) -> Generator[tuple[int, R | WorkerDied]]:
        """Place of each task and what came of it, as they finish; to be closed by who does not want the rest.

        Only the death of a worker is handed back; what the function raises is raised.
        """

    def share(self, plan: ContactPlan, file: Path) -> object:
        """What stands for a plan, also kept in a file, in the arguments of many tasks."""


class Here:
    """This process, one task after the other."""

    workers = 1

    def do(
        self, function: Callable[..., R], tasks: Sequence[Task]
    ) -> Generator[tuple[int, R | WorkerDied]]:
        """See Crew."""
        for place, task in enumerate(tasks):
            yield place, function(*task)

    def share(self, plan: ContactPlan, file: Path) -> object:
        """See Crew."""
        return file


class Processes:
    """Processes on this machine.

    Args:
        workers: how many.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def do(
        self, function: Callable[..., R], tasks: Sequence[Task]
    ) -> Generator[tuple[int, R | WorkerDied]]:
        """See Crew. A worker's death breaks its pool: each task it may have been is tried alone."""
        left = list(range(len(tasks)))
        while left:
            done: set[int] = set()
            suspects: list[int] = []
            for place, answer in self._in_a_pool(function, tasks, left, self.workers, suspects):
                done.add(place)
                yield place, answer
            for place in suspects:
                alone = list(self._in_a_pool(function, tasks, [place], 1, []))
                done.add(place)
                yield alone[0] if alone else (place, WorkerDied("the process that ran it died"))
            left = [place for place in left if place not in done]

    def share(self, plan: ContactPlan, file: Path) -> object:
        """See Crew."""
        return file

    def _in_a_pool(
        self,
        function: Callable[..., R],
        tasks: Sequence[Task],
        places: Sequence[int],
        workers: int,
        suspects: list[int],
    ) -> Generator[tuple[int, R]]:
        """Until all is done, or until a worker dies: then `suspects` is what was being worked on.

        Workers hold on to a pipe whose other end is here alone: it closes when nobody waits for their answers any
        more, or when this process ends in whatever way, and they end with it.
        """
        waiting = iter(places)
        under_way: dict[Future[R], int] = {}
        context = multiprocessing.get_context("spawn")
        theirs, lifeline = context.Pipe(duplex=False)
        pool = ProcessPoolExecutor(workers, context, _hold_on_to, (theirs,))
        try:
            while True:
                while len(under_way) < workers and (place := next(waiting, None)) is not None:
                    with _without_interrupts():
                        under_way[pool.submit(function, *tasks[place])] = place
                if not under_way:
                    return
                finished, _ = wait(under_way, LOOK_S, FIRST_COMPLETED)
                for future in finished:
                    answer = future.result()
                    yield under_way.pop(future), answer
        except BrokenProcessPool:
            suspects += sorted(under_way.values())
        finally:
            if under_way:
                lifeline.close()
            pool.shutdown(wait=True, cancel_futures=True)
            lifeline.close()
            theirs.close()


def _hold_on_to(lifeline: Connection) -> None:
    """Let this process end when the other end of a pipe closes, in the middle of whatever it does.

    What strategies print there goes to stderr: stdout belongs to who started it.
    """
    sys.stdout = sys.stderr

    def wait_for_its_end() -> None:
        lifeline.poll(None)
        os._exit(1)

    threading.Thread(target=wait_for_its_end, name="lifeline", daemon=True).start()


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Processes that start meanwhile never see Ctrl-C, which a terminal sends to all; here it comes a moment later."""
    if os.name != "posix":
        yield
        return
    resource_tracker.ensure_running()  # it would let the signal through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT,))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Cluster:
    """A Dask cluster; strategies in files must be where its workers find them.

    Args:
        client: a dask.distributed client.
    """

    def __init__(self, client: _Client) -> None:
        self._client = client

    @property
    def workers(self) -> int:
        """Threads of all workers."""
        return max(sum(self._client.nthreads().values()), 1)

    def do(
        self, function: Callable[..., R], tasks: Sequence[Task]
    ) -> Generator[tuple[int, R | WorkerDied]]:
        """See Crew."""
        from distributed import KilledWorker, as_completed

        futures = {
            self._client.submit(function, *task, pure=False): place
            for place, task in enumerate(tasks)
        }
        for future in as_completed(futures):
            place = futures.pop(future)
            try:
                yield place, future.result()
            except KilledWorker as death:
                yield place, WorkerDied(str(death))

    def share(self, plan: ContactPlan, file: Path) -> object:
        """See Crew."""
        return self._client.scatter(plan, broadcast=True)


class _Client(Protocol):
    """What is used of dask.distributed.Client."""

    def nthreads(self) -> dict[str, int]: ...

    def submit(self, function: object, *arguments: object, pure: bool) -> object: ...

    def scatter(self, data: object, *, broadcast: bool) -> object: ...

    def close(self) -> None: ...


@contextmanager
def cluster(address: str, timeout_s: float = 10.0) -> Iterator[Crew]:
    """The Dask cluster whose scheduler is at an address, such as tcp://host:8786.

    Raises:
        BadInput: Dask is not installed, or nobody answers there.
    """
    try:
        from distributed import Client
    except ImportError:
        mend = "needs Dask: python -m pip install 'lightlag[dask]'"
        raise BadInput(Fault("", "--scheduler", address, mend)) from None
    try:
        client = cast("_Client", Client(address, timeout=timeout_s))
    except (OSError, ValueError, TimeoutError) as fault:
        mend = f"no Dask scheduler answers there ({fault})"
        raise BadInput(Fault("", "--scheduler", address, mend)) from None
    try:
        yield Cluster(client)
    finally:
        client.close()


@contextmanager
def local(workers: int | None = None) -> Iterator[Crew]:
    """Processes on this machine, one a core unless said otherwise: what dies in a cell takes nothing else with it."""
    yield Processes(os.cpu_count() or 1 if workers is None else workers)


def crew(scheduler: str | None, workers: int | None) -> AbstractContextManager[Crew]:
    """The crew that the command line asks for."""
    return local(workers) if scheduler is None else cluster(scheduler)
