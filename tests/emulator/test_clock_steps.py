"""The date of a machine steps, by NTP or by hand: the run's clock goes on, and the step is shown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

import emulator.constellation.control
from emulator.constellation.collector import OFFSETS, Station
from emulator.constellation.control import Clock, utc_now


def after(clock: Clock, for_s: float) -> str:
    return (datetime.fromisoformat(clock.start_at) + timedelta(seconds=for_s)).isoformat()


@pytest.mark.parametrize("step_s", [3600.0, -3600.0])
def test_a_step_of_the_date_moves_no_clock_that_is_under_way(
    monkeypatch: pytest.MonkeyPatch, step_s: float
) -> None:
    clock = Clock(session="x", start_at=utc_now(), emulated_s=100.0, rate=60.0)
    told = Clock.of(clock.octets())
    before = told.reading_s()

    class Stepped(datetime):
        """The date of a machine, so much off."""

        @classmethod
        def now(cls, tz=UTC):
            return datetime.now(tz) + timedelta(seconds=step_s)

    monkeypatch.setattr(emulator.constellation.control, "datetime", Stepped)
    for reading_s in (clock.reading_s(), told.reading_s()):
        assert before <= reading_s < before + 60.0 * 10.0
    resumed = Clock(session="x", start_at=after(clock, 30.0), emulated_s=0.0, rate=1.0)
    assert resumed.monotonic_after(told, 1000.0) == pytest.approx(1030.0)
    later = Clock(session="x", start_at=utc_now(), emulated_s=0.0, rate=1.0)
    assert later.reading_s() == pytest.approx(0.0, abs=10.0)  # named and read by the stepped date


@pytest.mark.parametrize("step_s", [5.0, -5.0])
def test_a_step_of_a_node_s_date_is_seen_within_a_minute_of_its_words(step_s: float) -> None:
    station = Station()
    assert station.offset_s is None
    for _ in range(OFFSETS):
        station.offsets_s += [-0.003, -0.001]
    assert station.offset_s == -0.001
    station.offsets_s.extend([step_s - 0.002] * OFFSETS)
    assert station.offset_s == step_s - 0.002
