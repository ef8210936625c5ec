"""The plans with known answers (emulator/check/ORIGIN.md), as contact plans."""

import json
from pathlib import Path

import emulator.check
from dtn.contact_plan import Contact, ContactPlan

CASES = json.loads((Path(emulator.check.__file__).parent / "cgr_cases.json").read_text())


def contact(item):
    owlt = (item["owlt"], item["owlt_end"]) if "owlt_end" in item else item["owlt"]
    ends = (str(item["from"]), str(item["to"]), item["start"], item["end"])
    return Contact(*ends, item["rate"] * 8, owlt)


def contacts_of(case):
    """The case's contacts in its own order: sizes are bytes, so rates are eightfold bits.

    A published plan of 368 contacts has a few that end before they begin: they are no contacts.
    """
    return [contact(item) for item in case["contacts"] if item["start"] < item["end"]]


def plan_of(case):
    names = {str(item[end]) for item in case["contacts"] for end in ("from", "to")}
    numbers = {name: int(name) for name in names if name.isdigit()}
    return ContactPlan(contacts_of(case), ipn_numbers=numbers)


def queries(wanted=lambda query: True):
    """Name of the case and place in it of each query that is wanted."""
    return [
        (case["name"], place)
        for case in CASES
        for place, query in enumerate(case["queries"])
        if wanted(query)
    ]


def case_of(name):
    return next(case for case in CASES if case["name"] == name)
