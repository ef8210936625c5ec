"""Maps of node numbers: names for the numbers of a contact plan, and numbers for its names.

    name,ipn
    teide,101
    moonbase,201

ION's and HDTN's plans know numbers only, TVG's names only; reports want names, endpoints want
numbers. A map names both; bundle lists then use the names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from dtn.contact_plan import ContactPlan
from dtn.errors import BadInput, Fault
from emulator.csv_file import rows_below

COLUMNS = ("name", "ipn")
GREATEST = 2**32 - 1


def load(path: Path) -> dict[str, int]:
    """Node number by name.

    Raises:
        BadInput: every fault of the file, with its line.
    """
    rows = rows_below(COLUMNS, path)
    numbers: dict[str, int] = {}
    faults: list[Fault] = []
    for line, row in enumerate(rows, start=2):
        found = [Fault(str(path), f"line {line}", ",".join(row), m) for m in _mends(row, numbers)]
        faults += found
        if row and not found:
            numbers[row[0]] = int(row[1])
    if faults:
        raise BadInput(*faults)
    return numbers


def _mends(row: list[str], numbers: Mapping[str, int]) -> Iterator[str]:
    if not row:
        return
    if len(row) != len(COLUMNS) or not row[0]:
        yield "write a name and a number"
    elif not (row[1].isdecimal() and len(row[1]) <= 10 and 1 <= int(row[1]) <= GREATEST):
        yield f"a node number is a whole number from 1 to {GREATEST}"
    elif row[0] in numbers:
        yield "this name is there already"
    elif int(row[1]) in numbers.values():
        yield "another node has this number"


def named(plan: ContactPlan, numbers: Mapping[str, int]) -> ContactPlan:
    """The plan with the map's names for its numbers, and the map's numbers for its names.

    A node of the plan that the map does not name keeps its name and number.

    Raises:
        BadInput: the map gives one node of the plan the name of another.
    """
    names = {number: name for name, number in numbers.items()}
    called: dict[str, str] = {}
    for node in plan.nodes:
        number = plan.ipn_numbers.get(node)
        if number is None or (node in numbers and node != str(number)):
            called[node] = node
        else:
            called[node] = names.get(number, node)
    faults = [
        Fault(
            "", "--nodes", f"{called[node]},{numbers[called[node]]}", f"that is {node} in the plan"
        )
        for node in plan.nodes
        if called[node] != node and called[node] in plan.nodes
    ]
    if faults:
        raise BadInput(*faults)
    kept = {called[node]: number for node, number in plan.ipn_numbers.items()}
    contacts = [
        replace(contact, source=called[contact.source], destination=called[contact.destination])
        for contact in plan.contacts
    ]
    return ContactPlan(contacts, plan.start_utc, {**kept, **numbers})
