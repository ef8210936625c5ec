"""The fixture `constellation` in a test of somebody else's."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from emulator.constellation.mosquitto import find_mosquitto

SCENARIO = Path(__file__).parents[2] / "scenarios" / "earth-moon.toml"
THEIRS = f"""
from emulator.pytest_plugin import meets

def test_mine(constellation):
    flight = constellation({str(SCENARIO)!r}, rate=3600, until="4h")
    flight.kill("teide")
    flight.start("teide")
    result = flight.finish()
    assert meets(result, "bundles.sourced > 0")
    assert meets(result, "delivered > 2")
"""
INSTALLED = any(point.name == "lightlag" for point in entry_points(group="pytest11"))
RUN = [
    *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q"),
    *(() if INSTALLED else ("-p", "emulator.pytest_plugin")),
]


@pytest.mark.slow
@pytest.mark.realtime
@pytest.mark.skipif(find_mosquitto() is None, reason="no mosquitto here: apt-get install mosquitto")
def test_somebody_s_test_flies_breaks_and_asserts(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(textwrap.dedent(THEIRS))
    done = subprocess.run(
        [*RUN, str(tmp_path)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stdout
    assert "delivered > 2: delivered = " in done.stdout
    assert 'meets(result, "delivered > 2")' in done.stdout


def test_the_plugin_imports_nothing_of_lightlag_before_it_is_asked() -> None:
    said = (
        "import sys; import emulator.pytest_plugin; "
        "print(*(m for m in sys.modules if m.partition('.')[0] in ('dtn', 'nodes', 'topology', 'numpy')))"
    )
    done = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
