"""Every form of endpoint identifier in every field where one can stand.

Most of the known faults of other bundle agents were endpoints that look right in a field where nobody expected them:
CVE-2024-12107, 2025-8183, 2024-54130, 2024-54129. Here each costs its bundle at most: the agent's state is as before,
the next bundle is forwarded, and what is forwarded is what came.
"""

from __future__ import annotations

import cbor2
import pytest

from dtn.administrative_record import encode as encode_record
from dtn.administrative_record import report_about
from dtn.bpa import TransmissionRequest
from dtn.bpa.outputs import Output, Store, Transmit
from dtn.bundle import BundleFlag
from dtn.codec import decode, encode
from dtn.events import BundleDeleted, BundleMalformed, BundleReceived, StatusReported
from tests.dtn.agents import START_DTN_MS
from tests.dtn.bundles import (
    VECTORS,
    Raw,
    a_bundle,
    bundle_octets,
    canonical_octets,
    primary_octets,
)
from tests.dtn.one_agent import an_agent, bundle, only, receive

WELL_FORMED = {
    **{vector["uri"]: vector["hex"] for vector in VECTORS["eid_cbor"]},
    "the agent's own": "8202820201",
    "the agent's own, three elements": "820283000201",
    "the agent's own administrative endpoint": "8202820200",
    "the destination of others": "8202820301",
    "the greatest numbers": "8202831affffffff1affffffff1bffffffffffffffff",
    "a group": "8201" + cbor2.dumps("//n/~all").hex(),
    "a group of the agent's name": "8201" + cbor2.dumps("//base/~all").hex(),
    "a name of 60,000 octets": "8201" + cbor2.dumps("//" + "n" * 60_000 + "/x").hex(),
    "an empty name": "8201" + cbor2.dumps("///x").hex(),
    "the imc scheme": "8203820101",
    "scheme 2^64-1 with text": "821bffffffffffffffff" + cbor2.dumps("x").hex(),
    "an unknown scheme, nested": "8209" + "81" * 15 + "00",
    "an unknown scheme, a map": "8209a16161f6",
}
MALFORMED = {
    "nothing": "",
    "a number": "05",
    "null": "f6",
    "text": cbor2.dumps("ipn:1.1").hex(),
    "octets": "43010203",
    "an empty array": "80",
    "a scheme alone": "8102",
    "three items": "83028201010a",
    "a negative scheme": "8220820101",
    "ipn with one element": "82028101",
    "ipn with four elements": "82028401010101",
    "ipn with text": "8202826131" + "01",
    "ipn with a float": "820282f93c0001",
    "ipn with a negative number": "8202822001",
    "ipn with a node of 33 bits in three elements": "820283001b000000010000000001",
    "ipn that claims 2^64-1 elements": "82029bffffffffffffffff01",
    "dtn number 1": "820101",
    "dtn none as text": "8201" + cbor2.dumps("none").hex(),
    "dtn without slashes": "8201" + cbor2.dumps("n/a").hex(),
    "dtn without a delimiter": "8201" + cbor2.dumps("//n").hex(),
    "dtn with a space": "8201" + cbor2.dumps("//n/a b").hex(),
    "dtn with NUL": "8201" + cbor2.dumps("//n/\0").hex(),
    "dtn that is not ASCII": "8201" + cbor2.dumps("//n/é").hex(),
    "dtn that is not UTF-8": "820164" + "2f2fff2f",
    "dtn that claims 2^63 octets": "82017b8000000000000000" + "2f2f",
    "an unknown scheme, nested without end": "8209" + "9f" * 5000,
    "a tag around it": "d8198202820101",
    "a tag that nests": "d81c8202820101",
    "not shortest": "8202821801" + "01",
}
FORMS = {**WELL_FORMED, **MALFORMED}
FIELDS = (
    "destination",
    "source",
    "report-to",
    "previous node",
    "integrity block's source",
    "confidentiality block's source",
    "reported bundle's source",
)
ASKS = BundleFlag.ANY_REPORT | BundleFlag.STATUS_TIME_REQUESTED


def octets_with(field: str, form: str) -> bytes:
    """A bundle for node c, by hand, with this form in this field."""
    eid = Raw(form)
    block = b""
    payload = canonical_octets()
    fields: dict[str, object] = {
        "f1": ASKS,
        "f3": [2, [3, 1]],
        "f4": [2, [1, 1]],
        "f5": [2, [1, 0]],
        "f6": [START_DTN_MS, 7],
    }
    if field in ("destination", "source", "report-to"):
        fields[{"destination": "f3", "source": "f4", "report-to": "f5"}[field]] = eid
    elif field == "previous node":
        block = canonical_octets(6, 2, data=eid.octets)
    elif field == "reported bundle's source":
        fields |= {"f1": BundleFlag.ADMINISTRATIVE_RECORD, "f3": [2, [2, 0]]}
        record = encode_record(report_about(a_bundle(source="ipn:9.9"), 5, received=True))
        assert b"\x82\x02\x82\x09\x09" in record
        payload = canonical_octets(data=record.replace(b"\x82\x02\x82\x09\x09", eid.octets))
    else:
        kind, context = (11, 1) if field.startswith("integrity") else (12, 2)
        result = cbor2.dumps([[[1, bytes(64 if kind == 11 else 16)]]])
        data = cbor2.dumps([1]) + bytes((context, 0)) + eid.octets + result
        flags = 0 if kind == 11 else 1
        block = canonical_octets(kind, 2, flags, data=data)
    return bundle_octets(primary_octets(**fields), *([block] if block else []), payload)


@pytest.mark.row("B1", "B2", "B3", "B4", "B6", "B7", "H14", "A8")
@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("name", FORMS)
def test_an_endpoint_of_any_form_in_any_field_costs_its_bundle_at_most(field, name):
    agent = an_agent(status_reports=True, names={1: "a", 2: "b", 3: "c", "base": "b"})
    agent.registered("1", True, 0.0)
    octets = octets_with(field, FORMS[name])
    out = agent.receive_octets(octets, "a", 10.0, 2.0)
    if name in MALFORMED:
        # the content of records is the administrative element's, of security blocks BPSec's; the rest the codec's
        assert only(BundleMalformed, out) or not only(StatusReported, out)
        if field in FIELDS[:4]:
            assert [type(o) for o in out] == [BundleMalformed]
        if field == "reported bundle's source":
            assert [e.layer for e in only(BundleMalformed, out)] == ["administrative"]
    out += _committed(agent, out, 10.0)
    for transmit in only(Transmit, out):
        assert decode(encode(transmit.bundle)) == transmit.bundle
        agent.link_ready(transmit.neighbour, 10.5)
        agent.transfer_finished(transmit.transfer, 10.5)
    for neighbour in ("a", "c"):
        agent.link_ready(neighbour, 11.0)
    onward = only(Transmit, receive(agent, bundle(sequence=1234), 12.0))
    assert any(t.bundle.id == bundle(sequence=1234).id for t in onward)
    agent.on_timer(1e9)  # which may make reports of what expired
    agent.on_timer(2e9)
    assert agent.held() == []


@pytest.mark.row("A9", "B9", "D4")
@pytest.mark.parametrize("field", FIELDS[:3])
@pytest.mark.parametrize("name", WELL_FORMED)
def test_an_endpoint_that_is_taken_leaves_as_it_came(field, name):
    octets = octets_with(field, WELL_FORMED[name])
    try:
        came = decode(octets, rules=False)
    except Exception:
        raise AssertionError(f"{name} is well-formed") from None
    assert encode(came) == octets
    agent = an_agent(names={1: "a", 2: "b", 3: "c"})
    out = agent.receive_octets(octets, "a", 10.0, 2.0)
    out += _committed(agent, out, 10.0)
    for transmit in only(Transmit, out):
        assert transmit.bundle.primary.octets == came.primary.octets


@pytest.mark.row("H14", "B13")
@pytest.mark.parametrize("name", WELL_FORMED)
def test_an_application_may_ask_for_any_endpoint(name):
    eid = decode(octets_with("report-to", WELL_FORMED[name]), rules=False).primary.report_to
    agent = an_agent(status_reports=True)
    for request in (
        {"destination": eid},
        {"destination": a_bundle().primary.source, "report_to": eid},
    ):
        wanted = TransmissionRequest(
            service="1", payload=b"x", lifetime_s=9.0, flags=ASKS, **request
        )
        out = agent.transmit(wanted, 1.0)
        out += _committed(agent, out, 1.0)
        for store in only(Store, out):
            assert not store.bundle.primary.destination.is_local_node
            assert not store.bundle.primary.report_to.is_local_node
    agent.on_timer(1e9)


def _committed(agent, out: list[Output], now_s: float) -> list[Output]:
    more: list[Output] = []
    for store in only(Store, out):
        more += agent.stored(store.ref, now_s)
    return more


def test_the_forms_reach_every_fate() -> None:
    """The table above would prove little if everything were refused, or everything taken."""
    fates = set()
    for field in FIELDS:
        for form in FORMS.values():
            agent = an_agent(names={1: "a", 2: "b", 3: "c"})
            out = agent.receive_octets(octets_with(field, form), "a", 10.0, 2.0)
            fates |= {type(o) for o in out + _committed(agent, out, 10.0)}
    assert {
        BundleMalformed,
        BundleReceived,
        BundleDeleted,
        Store,
        Transmit,
        StatusReported,
    } <= fates
