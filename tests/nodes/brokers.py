"""A broker for tests: skipped with the reason where this machine has none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from emulator.constellation.mosquitto import Mosquitto, find_mosquitto

needs_mosquitto = pytest.mark.skipif(
    find_mosquitto() is None, reason="no mosquitto here: apt-get install mosquitto"
)


@pytest.fixture(scope="module")
def mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    """One that runs for all tests of a file."""
    folder: Path = tmp_path_factory.mktemp("broker")
    with Mosquitto(folder) as broker:
        yield broker
