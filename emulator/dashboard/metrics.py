"""/metrics: the picture as Prometheus reads it (text exposition format 0.0.4)."""

from __future__ import annotations

from collections.abc import Iterable

from emulator.dashboard.session import Session

_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})


def metrics_text(session: Session) -> str:
    """All metrics now; names end in their units."""
    now_s = session.look()
    fold, source = session.fold, session.source
    nodes = sorted(fold.nodes.items())
    links = sorted(fold.sent.items())
    latencies = fold.latencies_s
    families: list[tuple[str, str, str, Iterable[tuple[dict[str, str], float]]]] = [
        ("emulated_seconds", "gauge", "Emulated time since the start.", [({}, now_s)]),
        (
            "rate",
            "gauge",
            "Emulated seconds in a real one; 0 while paused.",
            [({}, 0.0 if source.is_paused else source.rate)],
        ),
        ("events_total", "counter", "Events so far.", [({}, fold.count)]),
        (
            "bundles_sourced_total",
            "counter",
            "Bundles that applications sent.",
            [({"node": name}, node.sourced) for name, node in nodes],
        ),
        (
            "bundles_delivered_total",
            "counter",
            "Bundles that came to their applications.",
            [({"node": name}, node.delivered) for name, node in nodes],
        ),
        ("bundles_deleted_total", "counter", "Copies that nodes deleted.", [({}, fold.deleted)]),
        ("frames_lost_total", "counter", "Frames that reached nobody.", [({}, fold.lost_frames)]),
        (
            "node_up",
            "gauge",
            "1 for a node that is in the network.",
            [({"node": name}, float(node.is_up)) for name, node in nodes],
        ),
        (
            "store_bytes",
            "gauge",
            "What a node's store holds.",
            [({"node": name}, node.held_bytes) for name, node in nodes],
        ),
        (
            "battery_joules",
            "gauge",
            "Charge of a node's battery.",
            [({"node": name}, node.energy.charge_j) for name, node in nodes if node.energy],
        ),
        (
            "drawn_watts",
            "gauge",
            "What a node draws.",
            [({"node": name}, node.energy.drawn_w) for name, node in nodes if node.energy],
        ),
        (
            "queue_bytes",
            "gauge",
            "What is queued at a node for a neighbour.",
            [
                ({"node": name, "neighbour": neighbour}, sum(queue.values()))
                for name, node in nodes
                for neighbour, queue in sorted(node.queues.items())
            ],
        ),
        (
            "transmissions_total",
            "counter",
            "Transfers started over a link.",
            [({"node": a, "neighbour": b}, count) for (a, b), count in links],
        ),
        (
            "links_up",
            "gauge",
            "Links that are up, each direction for itself.",
            [({}, sum(not link.cut for link in fold.links.values()))],
        ),
    ]
    lines: list[str] = []
    for name, kind, about, samples in families:
        lines += (f"# HELP lightlag_{name} {about}", f"# TYPE lightlag_{name} {kind}")
        lines += (f"lightlag_{name}{_labels(labels)} {value:.15g}" for labels, value in samples)
    lines += (
        "# HELP lightlag_latency_seconds From the source's request to the delivery.",
        "# TYPE lightlag_latency_seconds summary",
    )
    for share in (0.5, 0.95, 0.99):
        if latencies:
            value = latencies[round(share * (len(latencies) - 1))]
            lines.append(f"lightlag_latency_seconds{_labels({'quantile': str(share)})} {value:.9g}")
    lines.append(f"lightlag_latency_seconds_sum {sum(latencies):.15g}")
    lines.append(f"lightlag_latency_seconds_count {len(latencies)}")
    return "\n".join(lines) + "\n"


def _labels(labels: dict[str, str]) -> str:
    if not labels:
        return ""
    pairs = (f'{key}="{value.translate(_ESCAPES)}"' for key, value in labels.items())
    return "{" + ",".join(pairs) + "}"
