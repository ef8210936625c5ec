"""Security in the agent: who signs, encrypts, verifies and accepts, and what becomes of a bundle that fails."""

from __future__ import annotations

import pytest
from agents import Network
from secured import CONTENT_KEY, MAC_KEY, WRAPPING_KEY, draws

from dtn.administrative_record import Reason
from dtn.bpsec import asb, structure
from dtn.bpsec.confidentiality import encrypt
from dtn.bpsec.integrity import sign
from dtn.bpsec.keys import Key
from dtn.bpsec.policy import NodeSecurity, SecurityRule
from dtn.bpsec.structure import CONFIDENTIALITY, INTEGRITY
from dtn.bundle import BlockType, Bundle, CanonicalBlock
from dtn.codec import decode, encode, encoded_size
from dtn.contact_plan import Contact
from dtn.eid import IpnEid
from dtn.errors import InvalidValue
from dtn.events import (
    BundleDeleted,
    BundleDelivered,
    BundleMalformed,
    BundleReassembled,
    BundleReceived,
    SecurityOperationFailed,
)
from dtn.fragmentation import fragment

CHAIN = (
    Contact("a", "b", 0.0, 100.0, 8000.0, 1.5),
    Contact("b", "c", 50.0, 200.0, 8000.0, 10.0),
)
QOS = BlockType.QUALITY_OF_SERVICE


def signing(**changed: object) -> SecurityRule:
    return SecurityRule(**{"service": INTEGRITY, "key": MAC_KEY, "variant": 6, **changed})  # type: ignore[arg-type]


def hiding(**changed: object) -> SecurityRule:
    return SecurityRule(**{"service": CONFIDENTIALITY, "key": CONTENT_KEY, "variant": 3, **changed})  # type: ignore[arg-type]


class Secured(Network):
    """A chain a, b, c, those of its nodes in `at` with these rules."""

    def __init__(self, *rules: SecurityRule, at: str = "abc", **options: object) -> None:
        own = {name: {"security": NodeSecurity(rules, draws(ord(name)))} for name in at}
        super().__init__(CHAIN, options=options, own_options=own)

    @property
    def crossed(self) -> dict[str, Bundle]:
        """The bundle that each node transmitted last."""
        return {name: bundles[-1] for name, bundles in self.transmitted.items() if bundles}

    @property
    def payloads(self) -> list[bytes]:
        return [bundle.payload for bundle in self.delivered]

    def why(self) -> list[tuple[str, int]]:
        return [(e.node, e.reason) for e in self.happened(SecurityOperationFailed)]

    def deleted(self) -> list[tuple[str, int]]:
        return [(e.node, e.reason) for e in self.happened(BundleDeleted)]


def services(bundle: Bundle) -> list[int]:
    return [block.type for block in bundle.blocks if block.type in structure.SECURITY_TYPES]


def sent(*rules: SecurityRule, at: str = "abc", **request: object) -> Secured:
    network = Secured(*rules, at=at)
    network.send("a", "c", size=20, **request)
    network.run()
    return network


@pytest.mark.row("K8")
def test_a_source_signs_a_verifier_leaves_it_and_the_destination_takes_it_off() -> None:
    network = sent(signing(verifiers=frozenset("b"), targets=(0, 1)))
    assert services(network.crossed["a"]) == services(network.crossed["b"]) == [INTEGRITY]
    assert network.crossed["a"].primary == network.crossed["b"].primary
    assert network.payloads == [bytes(20)]
    assert services(network.delivered[0]) == []
    assert network.why() == network.deleted() == []


@pytest.mark.row("K8", "K15")
def test_an_acceptor_on_the_way_takes_it_off_and_puts_a_crc_back() -> None:
    network = sent(signing(acceptors=frozenset("b")))
    assert services(network.crossed["a"]) == [INTEGRITY]
    assert network.crossed["a"].blocks[-1].crc_type == 0
    assert services(network.crossed["b"]) == []
    assert network.crossed["b"].blocks[-1].crc_type == 2
    assert network.payloads == [bytes(20)]  # and the destination does not miss it


@pytest.mark.row("K8")
def test_an_acceptor_takes_its_operation_and_leaves_those_of_others() -> None:
    other = Key("other", bytes(range(1, 49)))
    network = sent(
        signing(acceptors=frozenset("b")), signing(key=other, targets=(QOS,)), priority=2
    )
    (left,) = structure.operations(network.crossed["b"], INTEGRITY)
    block = structure.block_of(network.crossed["b"], left.target)
    assert block is not None
    assert block.type == QOS
    assert network.payloads == [bytes(20)]


@pytest.mark.row("K7", "K10")
@pytest.mark.parametrize("wrapped", [False, True])
def test_what_is_signed_and_encrypted_is_decrypted_then_verified_at_its_destination(
    wrapped: bool,
) -> None:
    key = WRAPPING_KEY if wrapped else CONTENT_KEY
    rule = hiding(key=key, wrapped=wrapped)
    network = sent(signing(targets=(0, 1), verifiers=frozenset("b")), rule)
    crossed = network.crossed["b"]
    assert bytes(20) not in encode(crossed)
    assert services(crossed) == [INTEGRITY, INTEGRITY, CONFIDENTIALITY, CONFIDENTIALITY]
    assert network.payloads == [bytes(20)]
    assert network.why() == []


@pytest.mark.row("K18")
def test_two_bundles_never_share_an_iv_nor_a_wrapped_key() -> None:
    network = Secured(hiding(key=WRAPPING_KEY, wrapped=True))
    seen = set()
    for _ in range(20):
        network.send("a", "c")
        network.run(until_s=network.now_s + 2)
        (operation,) = structure.operations(network.crossed["a"], CONFIDENTIALITY)
        seen.add((operation.content.octets_parameter(1), operation.content.octets_parameter(3)))
    assert len({iv for iv, _ in seen}) == len({key for _, key in seen}) == 20


def test_a_rule_is_for_some_nodes_and_some_services() -> None:
    for elsewhere in (
        signing(sources=frozenset("b")),
        signing(destinations=frozenset("b")),
        signing(services=frozenset({"7"})),
    ):
        assert services(sent(elsewhere).crossed["a"]) == []
    here = signing(sources=frozenset("a"), destinations=frozenset("c"), services=frozenset("1"))
    assert services(sent(here).crossed["a"]) == [INTEGRITY]


@pytest.mark.row("K4")
def test_of_two_rules_for_one_block_the_first_counts() -> None:
    other = Key("other", bytes(range(1, 49)))
    network = sent(signing(), signing(key=other))
    assert services(network.crossed["a"]) == [INTEGRITY]
    assert network.payloads == [bytes(20)]


# --- failure --------------------------------------------------------------------------------------


def arriving(
    bundle: Bundle, *rules: SecurityRule, node: str = "c", options: dict[str, object] | None = None
) -> Secured:
    """What a node with these rules makes of a bundle that comes as octets."""
    network = Secured(*rules, at=node, **(options or {}))
    network.do(node, network.agents[node].receive_octets(encode(bundle), "b", 60.0, 1.0))
    network.now_s = 60.0
    return network


def crossing(*rules: SecurityRule, **request: object) -> Bundle:
    """A bundle of a's as it comes to c."""
    return sent(*rules, **request).crossed["b"]


def tampered(bundle: Bundle, number: int = 1, place: int = 0) -> Bundle:
    block = structure.block_of(bundle, number)
    assert block is not None
    data = bytearray(block.data)
    data[place] ^= 1
    return structure.with_content(bundle, number, bytes(data))


@pytest.mark.row("K11")
def test_a_failed_signature_deletes_the_bundle_with_reason_15() -> None:
    network = arriving(tampered(crossing(signing())), signing())
    assert network.why() == network.deleted() == [("c", Reason.FAILED_SECURITY_OPERATION)]
    assert not network.happened(BundleDelivered)
    (event,) = network.happened(SecurityOperationFailed)
    assert (event.operation, event.target) == ("bib-integrity", 1)


@pytest.mark.row("K11")
def test_a_verifier_on_the_way_stops_it() -> None:
    network = arriving(tampered(crossing(signing())), signing(verifiers=frozenset("b")), node="b")
    assert network.deleted() == [("b", Reason.FAILED_SECURITY_OPERATION)]
    assert network.agents["b"].held() == []


@pytest.mark.row("K11")
@pytest.mark.parametrize("rule", [signing(), hiding()], ids=["integrity", "confidentiality"])
def test_a_missing_operation_deletes_the_bundle_with_reason_12(rule: SecurityRule) -> None:
    network = arriving(crossing(), rule)
    assert network.why() == network.deleted() == [("c", Reason.MISSING_SECURITY_OPERATION)]


@pytest.mark.row("K11")
def test_an_unknown_context_deletes_the_bundle_with_reason_13() -> None:
    bundle = crossing(signing())
    (operation,) = structure.operations(bundle, INTEGRITY)
    strange = asb.encode(operation.content._replace(context=-77))
    network = arriving(structure.with_content(bundle, operation.block.number, strange), signing())
    assert network.deleted() == [("c", Reason.UNKNOWN_SECURITY_OPERATION)]


@pytest.mark.row("K11")
def test_an_operation_of_a_stranger_deletes_the_bundle_with_reason_14() -> None:
    stranger = sign(crossing(), [1], IpnEid(0, 99, 0), MAC_KEY)
    network = arriving(stranger, signing())
    assert network.deleted() == [("c", Reason.UNEXPECTED_SECURITY_OPERATION)]


@pytest.mark.row("K11", "K4")
def test_what_turns_out_to_be_in_conflict_deletes_the_bundle_with_reason_16() -> None:
    node = IpnEid(0, 1, 0)
    once = sign(crossing(), [1], node, MAC_KEY)
    hidden = encrypt(once, [structure_number(once, INTEGRITY)], node, CONTENT_KEY, draws())
    # the other signature goes on a payload that only looks as if it had none
    (operation,) = structure.operations(once, INTEGRITY)
    second = structure.with_security_block(hidden, INTEGRITY, operation.content, 0)
    network = arriving(second, signing(), hiding())
    assert network.deleted() == [("c", Reason.CONFLICTING_SECURITY_OPERATION)]


def structure_number(bundle: Bundle, kind: int) -> int:
    return next(block.number for block in bundle.blocks if block.type == kind)


@pytest.mark.row("K9")
def test_a_payload_that_cannot_be_decrypted_costs_the_bundle() -> None:
    network = arriving(tampered(crossing(hiding())), hiding())
    assert network.deleted() == [("c", Reason.FAILED_SECURITY_OPERATION)]
    assert network.payloads == []


@pytest.mark.row("K9", "K10")
def test_a_node_without_keys_does_not_deliver_ciphertext_but_passes_it_on() -> None:
    network = arriving(crossing(hiding()))
    assert network.deleted() == [("c", Reason.UNKNOWN_SECURITY_OPERATION)]
    assert network.payloads == []
    passed = sent(hiding(), at="ac")
    assert passed.payloads == [bytes(20)]


@pytest.mark.row("K9")
def test_another_block_that_cannot_be_decrypted_costs_itself_and_what_protects_it() -> None:
    rules = (signing(targets=(1,)), hiding(targets=(QOS,)))
    bundle = crossing(*rules, priority=2)
    number = structure_number(bundle, QOS)
    network = arriving(tampered(bundle, number), *rules)
    assert network.why() == [("c", Reason.FAILED_SECURITY_OPERATION)]
    assert network.deleted() == []
    assert network.payloads == [bytes(20)]
    assert structure.block_of(network.delivered[0], number) is None
    assert services(network.delivered[0]) == []


@pytest.mark.row("K9", "F2")
def test_a_bundle_that_is_none_without_a_block_goes_with_it() -> None:
    clockless = Secured(at="", clock_trusted=False)
    clockless.send("a", "c", size=20)
    clockless.run()
    node = IpnEid(0, 1, 0)
    bundle = clockless.crossed["b"]
    age = structure_number(bundle, BlockType.BUNDLE_AGE)
    aged = tampered(sign(bundle, [age], node, MAC_KEY), age, -1)
    network = arriving(aged, signing(targets=(BlockType.BUNDLE_AGE,)))
    assert network.deleted() == [("c", Reason.FAILED_SECURITY_OPERATION)]


@pytest.mark.row("K7")
def test_a_signature_over_ciphertext_is_not_checked_on_the_way() -> None:
    node = IpnEid(0, 1, 0)
    bundle = crossing(hiding())
    (operation,) = structure.operations(sign(crossing(), [1], node, MAC_KEY), INTEGRITY)
    open_ = structure.with_security_block(bundle, INTEGRITY, operation.content, 0)
    network = arriving(open_, signing(verifiers=frozenset("b")), node="b")
    assert network.why() == []
    assert len(network.agents["b"].held()) == 1


@pytest.mark.row("K24", "I10")
def test_fragments_pass_unchecked_and_the_whole_is_checked() -> None:
    rules = (signing(targets=(0, 1), verifiers=frozenset("b")), hiding())
    network = Secured(*rules, at="a")
    network.send("a", "c", size=500)
    network.run()
    for is_good in (True, False):
        bundle = network.crossed["a"]
        pieces = fragment(bundle if is_good else tampered(bundle, 1, 400), 600)
        assert len(pieces) > 1
        assert [CONFIDENTIALITY in services(piece) for piece in pieces] == [True] * len(pieces)
        for node in "bc":
            there = Secured(*rules, at=node)
            for piece in pieces:
                octets = encode(piece)
                there.do(node, there.agents[node].receive_octets(octets, "a", 20.0, 1.0))
            if node == "b":
                assert len(there.agents["b"].held()) == len(pieces)
                assert there.why() == []
            else:
                assert there.happened(BundleReassembled)
                assert there.payloads == [bytes(500)] * is_good
                assert there.deleted() == [("c", 15)] * (not is_good)
                assert there.agents["c"].held() == []


def test_encrypted_extension_blocks_are_neither_read_nor_changed_on_the_way() -> None:
    node = IpnEid(0, 1, 0)
    bundle = crossing()
    hops = structure_number(bundle, BlockType.HOP_COUNT)
    hidden = encrypt(bundle, [hops], node, CONTENT_KEY, draws())
    network = arriving(hidden, node="b")
    assert not network.happened(BundleMalformed)
    network.do("b", network.agents["b"].contact_started(1, 60.0))
    before, after = structure.block_of(hidden, hops), structure.block_of(network.crossed["b"], hops)
    assert before is not None
    assert after is not None
    assert before.data == after.data
    network = arriving(network.crossed["b"], hiding(targets=(BlockType.HOP_COUNT,)))
    assert network.payloads == [bytes(20)]


def test_an_unknown_block_that_is_discarded_takes_its_signature_along() -> None:
    bundle = crossing()
    unknown = CanonicalBlock(230, 77, 0x10, 0, b"?")
    bundle = Bundle(bundle.primary, (unknown, *bundle.blocks))
    signed = sign(bundle, [1, 77], IpnEid(0, 1, 0), MAC_KEY)
    network = arriving(signed, signing())
    assert network.payloads == [bytes(20)]
    assert network.why() == []


def test_no_event_shows_anything_of_a_key() -> None:
    rules = (signing(), hiding())
    good = crossing(*rules)
    events = [
        *sent(*rules).events,
        *arriving(tampered(good), *rules).events,
        *arriving(good, signing(key=Key("x", bytes(48))), hiding(key=Key("y", bytes(32)))).events,
    ]
    text = repr(events)
    for key in (MAC_KEY, CONTENT_KEY):
        assert key.octets.hex() not in text
        assert repr(key.octets)[2:-1] not in text


def test_octets_that_came_and_bundles_that_came_are_judged_alike() -> None:
    bundle = crossing(signing(), hiding())
    for content in (bundle, decode(encode(bundle))):
        network = Secured(signing(), hiding(), at="c")
        agent = network.agents["c"]
        network.do("c", agent.receive(content, "b", 60.0, encoded_size(content), 1.0))
        assert network.payloads == [bytes(20)]
    broken = Bundle(bundle.primary, (CanonicalBlock(INTEGRITY, 90, 0, 0, b"\xff"), *bundle.blocks))
    network = Secured(at="c")
    network.do("c", network.agents["c"].receive(broken, "b", 60.0, 200, 1.0))
    assert [event.layer for event in network.happened(BundleMalformed)] == ["bpsec"]
    assert not network.happened(BundleReceived)


@pytest.mark.row("K23", "K17")
@pytest.mark.parametrize(
    ("changed", "key"),
    [
        ({"service": 10}, "service"),
        ({"variant": 4}, "variant"),
        (
            {"service": CONFIDENTIALITY, "variant": 3, "key": CONTENT_KEY, "targets": (0,)},
            "targets",
        ),
        ({"targets": ()}, "targets"),
        ({"targets": (11,)}, "targets"),
        ({"key": CONTENT_KEY}, "key"),
        ({"wrapped": True}, "key"),
        ({"targets": (0,), "acceptors": frozenset("b")}, "acceptors"),
    ],
)
def test_a_rule_that_cannot_be_is_refused(changed: dict[str, object], key: str) -> None:
    with pytest.raises(InvalidValue) as fault:
        signing(**changed)
    assert fault.value.key == key
