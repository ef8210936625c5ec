"""Time-varying graphs as dtn-tvg-util, aiodtnsim and pydtnsim write them: JSON, rates in steps.

    {"vertices": {"earth": ["moon"], "moon": []}, "contact_type": "Contact_v2",
     "edges": [{"vertices": ["earth", "moon"],
                "contacts": [["earth", "moon", 0.0, 3600.0, [[0.0, 1e8, 0.0, 1.28]]]]}]}

A contact is [tx, rx, start, end, characteristics]; each characteristic [from, bit rate, bit error
rate, delay] holds from then until the next. Predicted contacts (PredictedContact_v2) have
[valid from, probability, [[from, bit rate, delay], ...]] instead, of which the first is taken. The
first version of both is flat: [tx, rx, start, end, bit rate, error rate or probability, delay].

Ours are straight lines between samples. Steps evenly spaced from the start to the very end are read
as such samples, which is also how they are written, so that our own files come back the same; any
other steps become a contact each. Bit error rates and the plan's date have no place on the other
side.
"""

from __future__ import annotations

import json
import math
from itertools import pairwise
from typing import NamedTuple

from dtn.contact_plan.contact import Contact, Samples
from dtn.contact_plan.formats.reading import Json, Reading
from dtn.contact_plan.plan import ContactPlan
from dtn.errors import BadInput, Fault

MOST_SAMPLES = 1000
_TYPES = ("Contact_v2", "PredictedContact_v2", "Contact", "PredictedContact")


class _Step(NamedTuple):
    from_s: float
    rate_bps: float
    owlt_s: float


def looks_like(document: dict[str, Json]) -> bool:
    """Whether the document is a graph."""
    return "edges" in document or "vertices" in document


def read(reading: Reading, document: dict[str, Json]) -> ContactPlan:
    """A plan from the parsed document; faults go to `reading`."""
    reading.keys("", document, ("vertices", "edges", "contact_type"), ("edges",))
    vertices, edges = document.get("vertices", {}), document.get("edges", [])
    kind = document.get("contact_type", "Contact_v2")
    if kind not in _TYPES:
        reading.fault("contact_type", kind, f"give one of {', '.join(_TYPES)}")
    if not isinstance(vertices, dict):
        reading.fault("vertices", vertices, "give an object of names and their neighbours")
        vertices = {}
    if not isinstance(edges, list):
        reading.fault("edges", edges, "give a list of edges")
        edges = []
    contacts: list[Contact] = []
    for place, edge in enumerate(edges):
        where = f"edges[{place}]"
        if not isinstance(edge, dict) or not isinstance(edge.get("contacts"), list):
            reading.fault(where, edge, "give an object with vertices and a list of contacts")
            continue
        reading.keys(where, edge, ("vertices", "contacts"), ("vertices", "contacts"))
        items = edge["contacts"]
        assert isinstance(items, list)
        for number, item in enumerate(items):
            contacts += _contacts(reading, f"{where}.contacts[{number}]", item, str(kind))
    for name in {end for c in contacts for end in (c.source, c.destination)} - vertices.keys():
        if vertices:
            reading.fault("vertices", name, "a contact names it, the vertices do not")
    return ContactPlan(contacts)


def write(plan: ContactPlan) -> tuple[str, tuple[str, ...]]:
    """The plan as text, and what the format cannot say.

    Raises:
        BadInput: a contact begins before 0.
    """
    if plan.contacts and plan.contacts[0].start_s < 0:
        mend = "tvg has no times before 0: date the plan from its first contact"
        raise BadInput(Fault("", "contacts[0].start_s", repr(plan.contacts[0].start_s), mend))
    predicted = any(contact.confidence != 1 for contact in plan.contacts)
    vertices: dict[str, list[str]] = {name: [] for name in plan.nodes}
    edges: dict[tuple[str, str], list[str]] = {}
    for contact in plan.contacts:
        ends = (contact.source, contact.destination)
        if ends not in edges:
            vertices[contact.source].append(contact.destination)
        edges.setdefault(ends, []).append(json.dumps(_as_list(contact, predicted)))
    lines = [
        f'  {{"vertices": {json.dumps(ends)}, "contacts": [\n    '
        + ",\n    ".join(contacts)
        + "\n  ]}"
        for ends, contacts in edges.items()
    ]
    notes = [
        (plan.start_utc is not None, "the date of the start is lost"),
        (bool(plan.ipn_numbers), "the nodes' numbers are lost"),
        (
            any(_cells(contact) > MOST_SAMPLES for contact in plan.contacts),
            f"samples of rate and light time do not run in step; at most {MOST_SAMPLES} are written",
        ),
        (any(contact.frame_loss for contact in plan.contacts), "the frame loss is lost"),
    ]
    kind = "PredictedContact_v2" if predicted else "Contact_v2"
    text = (
        f'{{"vertices": {json.dumps(vertices)},\n "contact_type": "{kind}",\n "edges": [\n'
        + ",\n".join(lines)
        + "\n ]}\n"
    )
    return text, tuple(f"tvg: {note}" for so, note in notes if so)


def _cells(contact: Contact) -> int:
    """Into how many equal parts a contact falls so that each sample is at an edge."""
    rates = len(contact.rate_bps) - 1 if isinstance(contact.rate_bps, tuple) else 1
    owlts = len(contact.owlt_s) - 1 if isinstance(contact.owlt_s, tuple) else 1
    return math.lcm(rates, owlts)


def _as_list(contact: Contact, predicted: bool) -> list[Json]:
    varies = isinstance(contact.rate_bps, tuple) or isinstance(contact.owlt_s, tuple)
    cells = min(_cells(contact), MOST_SAMPLES)
    times = [contact.start_s]
    if varies:
        times += [contact.start_s + contact.duration_s * n / cells for n in range(1, cells)]
        times.append(contact.end_s)
    steps: list[Json] = []
    for place, t in enumerate(times):
        rate = _sample(contact.rate_bps, place, cells, contact.rate_at(t))
        owlt = _sample(contact.owlt_s, place, cells, contact.owlt_at(t))
        steps.append([t, rate, owlt] if predicted else [t, rate, 0.0, owlt])
    if predicted:
        steps = [[0.0, contact.confidence, steps]]
    return [contact.source, contact.destination, contact.start_s, contact.end_s, steps]


def _sample(samples: Samples, place: int, cells: int, between: float) -> float:
    """The sample at an edge, exactly; what lies between samples is reckoned."""
    if not isinstance(samples, tuple):
        return samples
    own, rest = divmod(place * (len(samples) - 1), cells)
    return between if rest else samples[own]


def _contacts(reading: Reading, where: str, item: Json, kind: str) -> list[Contact]:
    flat = not kind.endswith("_v2")
    count = 7 if flat else 5
    if not isinstance(item, list) or len(item) != count:
        tail = "bit rate, error rate or probability, delay" if flat else "characteristics"
        reading.fault(where, item, f"give [tx, rx, start, end, {tail}]")
        return []
    source, destination = reading.text(f"{where}[0]", item[0]), reading.text(f"{where}[1]", item[1])
    start, end = reading.number(f"{where}[2]", item[2]), reading.number(f"{where}[3]", item[3])
    confidence: float | None = 1.0
    if flat:
        if kind == "PredictedContact":
            confidence = reading.number(f"{where}[5]", item[5])
        steps = _steps(reading, where, [[item[2], item[4], item[6]]], 3)
    elif kind == "PredictedContact_v2":
        match item[4]:
            case [[_, probability, list(inner)], *_]:
                confidence = reading.number(f"{where}[4][0][1]", probability)
                steps = _steps(reading, f"{where}[4][0][2]", inner, 3)
            case other:
                mend = "give [[valid from, probability, [[from, bit rate, delay], ...]], ...]"
                reading.fault(f"{where}[4]", other, mend)
                return []
    else:
        steps = _steps(reading, f"{where}[4]", item[4], 4)
    if start is None or end is None or not steps:
        return []
    if steps[0].from_s > start:
        reading.fault(where, steps[0].from_s, f"nothing is said from the start {start} on")
        return []
    found = [
        reading.contact(where, source, destination, *piece, confidence)
        for piece in _pieces(start, end, steps)
    ]
    return [contact for contact in found if contact is not None]


def _steps(reading: Reading, where: str, given: Json, count: int) -> list[_Step]:
    """The characteristics in order; none if one of them is at fault."""
    if not isinstance(given, list) or not given:
        reading.fault(where, given, "give a list of characteristics")
        return []
    steps: list[_Step] = []
    for place, item in enumerate(given):
        here = f"{where}[{place}]"
        if not isinstance(item, list) or len(item) != count:
            reading.fault(here, item, "give [from, bit rate, bit error rate, delay]")
            return []
        numbers = [reading.number(here, value) for value in (item[0], item[1], item[-1])]
        if any(value is None for value in numbers):
            return []
        step = _Step(*[value for value in numbers if value is not None])
        if steps and step.from_s <= steps[-1].from_s:
            reading.fault(here, step.from_s, "characteristics must ascend in time")
            return []
        steps.append(step)
    return steps


def _pieces(
    start_s: float, end_s: float, steps: list[_Step]
) -> list[tuple[float, float, Samples, Samples]]:
    """Start, end, rate and light time of each contact that the steps make."""
    if len(steps) > 1 and steps[0].from_s == start_s and steps[-1].from_s == end_s:
        even_s = (end_s - start_s) / (len(steps) - 1)
        slack_s = 1e-6 * even_s + 4 * math.ulp(end_s)
        if all(abs(b.from_s - a.from_s - even_s) <= slack_s for a, b in pairwise(steps)):
            rate = _merged(tuple([step.rate_bps for step in steps]))
            owlt = _merged(tuple([step.owlt_s for step in steps]))
            return [(start_s, end_s, rate, owlt)]
    ends = [*(step.from_s for step in steps[1:]), math.inf]
    if end_s <= start_s:
        return [(start_s, end_s, steps[0].rate_bps, steps[0].owlt_s)]
    return [
        (max(step.from_s, start_s), min(end, end_s), step.rate_bps, step.owlt_s)
        for step, end in zip(steps, ends, strict=True)
        if max(step.from_s, start_s) < min(end, end_s) and step.rate_bps != 0
    ]


def _merged(samples: tuple[float, ...]) -> Samples:
    return samples[0] if len(set(samples)) == 1 else samples
