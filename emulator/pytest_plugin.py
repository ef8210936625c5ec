"""A plugin for pytest: constellations in somebody's own tests.

    def test_my_strategy_survives_a_crash(constellation):
        flight = constellation("lunar.toml", rate=600, until="2h")
        flight.kill("relay")
        flight.start("relay")
        result = flight.finish()
        assert meets(result, "delivered >= 99 %")

The fixture starts a broker and a process a node on this machine, and ends them with the test; where there is no
broker the test is skipped. For a run in virtual time there is `emulator.run`, which needs no fixture.

Nothing of Lightlag is imported before a test asks for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    from emulator.constellation.flight import Flight
    from emulator.result import Result
    from emulator.setup import Setup


class Constellations(Protocol):
    """Starts constellations."""

    def __call__(
        self,
        scenario: str | Path | Setup,
        *,
        rate: float = 60.0,
        until: str | float | None = None,
        strategy: str | None = None,
        seed: int | None = None,
    ) -> Flight:
        """One that is under way.

        Args:
            scenario: its file, or a setup.
            rate: emulated seconds in a real one.
            until: where to stop, such as "6h", or in seconds.
            strategy: another than the scenario's.
            seed: another than the scenario's.
        """


@pytest.fixture
def constellation(tmp_path: Path) -> Iterator[Constellations]:
    """Constellations of processes on this machine, which end with the test."""
    from emulator.constellation.flight import Flight
    from emulator.constellation.mosquitto import find_mosquitto
    from emulator.one_process import until_seconds
    from emulator.setup import Setup, changed, from_scenario

    if find_mosquitto() is None:
        pytest.skip("no mosquitto here: apt-get install mosquitto")
    with ExitStack() as stack:

        def start(
            scenario: str | Path | Setup,
            *,
            rate: float = 60.0,
            until: str | float | None = None,
            strategy: str | None = None,
            seed: int | None = None,
        ) -> Flight:
            if isinstance(scenario, Setup):
                setup = scenario
            else:
                from emulator.scenario import load

                setup = from_scenario(load(scenario))
            until_s = until_seconds(until)
            setup = changed(setup, seed=seed, strategy=strategy, until_s=until_s)
            folder = tmp_path / f"flight-{len(list(tmp_path.glob('flight-*')))}"
            folder.mkdir()
            return stack.enter_context(Flight(setup, rate, folder))

        yield start


def meets(result: Result, assertion: str) -> bool:
    """Whether a run meets an assertion of `lightlag assert`; says the values if it does not."""
    from emulator.assertions import examine

    finding = examine(result.summary, assertion)
    if not finding.is_met:
        print(f"{assertion}: {finding.why()}")
    return finding.is_met
