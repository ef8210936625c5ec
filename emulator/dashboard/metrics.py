"""/metrics: the picture as Prometheus reads it (text exposition format 0.0.4)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from emulator.dashboard.fold import Fold
from emulator.dashboard.session import Session

_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})


class Family(NamedTuple):
    """One metric: its name without the prefix, ending in its unit, and its value by labels."""

    name: str
    kind: str
    about: str
    samples: Iterable[tuple[dict[str, str], float]]


def metrics_text(session: Session) -> str:
    """All metrics now."""
    now_s = session.look()
    families = (*_of_the_run(session, now_s), *_of_nodes(session.fold), *_of_links(session.fold))
    lines = [line for family in families for line in _family_lines(family)]
    return "\n".join([*lines, *_latency_lines(session.fold.latencies_s)]) + "\n"


def _of_the_run(session: Session, now_s: float) -> Iterator[Family]:
    fold, source = session.fold, session.source
    rate = 0.0 if source.is_paused else source.rate
    yield Family("emulated_seconds", "gauge", "Emulated time since the start.", [({}, now_s)])
    yield Family("rate", "gauge", "Emulated seconds in a real one; 0 while paused.", [({}, rate)])
    yield Family("events_total", "counter", "Events so far.", [({}, fold.count)])
    about = "Copies that nodes deleted."
    yield Family("bundles_deleted_total", "counter", about, [({}, fold.deleted)])
    about = "Frames that reached nobody."
    yield Family("frames_lost_total", "counter", about, [({}, fold.lost_frames)])


def _of_nodes(fold: Fold) -> Iterator[Family]:
    nodes = sorted(fold.nodes.items())
    powered = [(name, node.energy) for name, node in nodes if node.energy]
    yield Family(
        "bundles_sourced_total",
        "counter",
        "Bundles that applications sent.",
        [({"node": name}, node.sourced) for name, node in nodes],
    )
    yield Family(
        "bundles_delivered_total",
        "counter",
        "Bundles that came to their applications.",
        [({"node": name}, node.delivered) for name, node in nodes],
    )
    yield Family(
        "node_up",
        "gauge",
        "1 for a node that is in the network.",
        [({"node": name}, float(node.is_up)) for name, node in nodes],
    )
    yield Family(
        "store_bytes",
        "gauge",
        "What a node's store holds.",
        [({"node": name}, node.held_bytes) for name, node in nodes],
    )
    yield Family(
        "battery_joules",
        "gauge",
        "Charge of a node's battery.",
        [({"node": name}, energy.charge_j) for name, energy in powered],
    )
    yield Family(
        "drawn_watts",
        "gauge",
        "What a node draws.",
        [({"node": name}, energy.drawn_w) for name, energy in powered],
    )
    yield Family(
        "queue_bytes",
        "gauge",
        "What is queued at a node for a neighbour.",
        [
            ({"node": name, "neighbour": neighbour}, sum(queue.values()))
            for name, node in nodes
            for neighbour, queue in sorted(node.queues.items())
        ],
    )


def _of_links(fold: Fold) -> Iterator[Family]:
    yield Family(
        "transmissions_total",
        "counter",
        "Transfers started over a link.",
        [({"node": a, "neighbour": b}, count) for (a, b), count in sorted(fold.sent.items())],
    )
    yield Family(
        "links_up",
        "gauge",
        "Links that are up, each direction for itself.",
        [({}, sum(not link.cut for link in fold.links.values()))],
    )


def _family_lines(family: Family) -> Iterator[str]:
    name, kind, about, samples = family
    yield f"# HELP lightlag_{name} {about}"
    yield f"# TYPE lightlag_{name} {kind}"
    for labels, value in samples:
        yield f"lightlag_{name}{_labels(labels)} {value:.15g}"


def _latency_lines(latencies_s: list[float]) -> Iterator[str]:
    """The summary of the latencies, which are in order."""
    yield "# HELP lightlag_latency_seconds From the source's request to the delivery."
    yield "# TYPE lightlag_latency_seconds summary"
    if latencies_s:
        for share in (0.5, 0.95, 0.99):
            value = latencies_s[round(share * (len(latencies_s) - 1))]
            yield f"lightlag_latency_seconds{_labels({'quantile': str(share)})} {value:.9g}"
    yield f"lightlag_latency_seconds_sum {sum(latencies_s):.15g}"
    yield f"lightlag_latency_seconds_count {len(latencies_s)}"


def _labels(labels: dict[str, str]) -> str:
    if not labels:
        return ""
    pairs = (f'{key}="{value.translate(_ESCAPES)}"' for key, value in labels.items())
    return "{" + ",".join(pairs) + "}"
