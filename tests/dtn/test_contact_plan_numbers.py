"""Numbers in contact plans that are none, or too great: a fault with its place, whatever the format."""

import json

import pytest

from dtn.contact_plan import Contact, ContactPlan
from dtn.errors import BadInput

HDTN = {"source": 1, "dest": 2, "startTime": 0, "endTime": 9, "rateBitsPerSec": 8000, "owlt": 1}
OWN = {
    "source": "a",
    "destination": "b",
    "start_s": 0,
    "end_s": 9,
    "rate_bps": 8e3,
    "owlt_s": 1,
}
HEADER = "source,destination,start_s,end_s,rate_bps,owlt_s\n"
LONG = "9" * 5000


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (json.dumps({"contacts": [{**HDTN, "startTime": 10**400}]}), "contacts[0].startTime"),
        (json.dumps({"contacts": [{**HDTN, "rateBitsPerSec": 10**400}]}), "rateBitsPerSec"),
        (
            json.dumps({"contacts": [{**HDTN, "startTime": 10**12, "endTime": 10**12 + 1}]}),
            "contacts",
        ),
        (json.dumps({"contacts": [{**OWN, "end_s": 10**400}]}), "contacts[0].end_s"),
        (json.dumps({"contacts": [OWN], "ipn_numbers": {"a": 10**400}}), "ipn_numbers.a"),
        ("a contact +-5 +9 1 2 1000\n", "line 1"),
        (f"a contact +0 +{LONG} 1 2 1000\n", "line 1"),
        ("a contact +0 +9 ² 2 1000\n", "line 1"),
        (f"# contacts,²\n{HEADER}", "line 1"),
        (f"# contacts,{LONG}\n{HEADER}", "line 1"),
        (f"# ipn,a,{LONG}\n{HEADER}", "line 1.ipn"),
        (f"{HEADER}a,b,0,{LONG},8000,1\n", "line 2.end_s"),
    ],
)
def test_a_number_that_is_none_or_too_great_is_a_fault_with_its_place(tmp_path, text, key):
    file = tmp_path / "plan"
    file.write_text(text)
    with pytest.raises(BadInput) as caught:
        ContactPlan.load(file)
    assert any(key in fault.key for fault in caught.value.faults)


@pytest.mark.parametrize("format", ["ion", "hdtn"])
@pytest.mark.parametrize(
    ("names", "numbers"), [(("1", "01"), {}), (("a", "5"), {"a": 5})], ids=["zeros", "taken"]
)
def test_two_nodes_never_become_one_number(tmp_path, format, names, numbers):
    plan = ContactPlan([Contact(*names, 0.0, 9.0, 8e3, 1.0)], None, numbers)
    with pytest.raises(BadInput, match="has this number"):
        plan.save(tmp_path / "plan", format=format)
