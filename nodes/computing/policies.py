"""The placement policies that come with Lightlag."""

from __future__ import annotations

from nodes.computing.job import Job
from nodes.computing.placement import Forecast, View, placement, soonest


@placement("onboard")
def onboard(view: View, job: Job) -> str:
    """Autonomous: the satellite decides by itself."""
    return "onboard"


@placement("moon")
def moon(view: View, job: Job) -> str:
    """Remote, from the Moon."""
    return "moon"


@placement("earth")
def earth(view: View, job: Job) -> str:
    """Remote, from the Earth."""
    return "earth"


@placement("nearest")
def nearest(view: View, job: Job) -> str:
    """Where the input is soonest: on board if the satellite computes, whatever its queue and power."""
    return min(_forecasts(view, job), key=lambda one: (one.arrives_s, one.place)).place


@placement("deadline")
def deadline(view: View, job: Job) -> str:
    """Where the decision is expected in effect first."""
    return soonest(_forecasts(view, job)).place


@placement("energy")
def energy(view: View, job: Job) -> str:
    """The least energy of the satellite's own that makes the deadline; if nothing makes it, the soonest."""
    forecasts = _forecasts(view, job)
    in_time = [one for one in forecasts if one.in_effect_s <= job.deadline_s]
    if not in_time:
        return soonest(forecasts).place
    return min(in_time, key=lambda one: (one.own_energy_j, one.in_effect_s, one.place)).place


def _forecasts(view: View, job: Job) -> list[Forecast]:
    return [view.forecast(job, place) for place in view.places]
