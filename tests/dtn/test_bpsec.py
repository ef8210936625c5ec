"""Bundle protocol security (RFC 9172, 9173): what is refused, what holds, and that nothing else does."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
from bundles import a_bundle, bundles
from hypothesis import given
from hypothesis import strategies as st
from mutations import mutations
from secured import (
    CONTENT_KEY,
    EXAMPLES,
    MAC_KEY,
    SOURCE,
    WRAPPING_KEY,
    a_key,
    decrypted,
    draws,
    octets,
    read,
    the_operations,
    verdicts,
)

from dtn.bpsec import asb, structure
from dtn.bpsec.asb import AbstractSecurityBlock, Entry
from dtn.bpsec.canonical import Scope, header, integrity_plaintext
from dtn.bpsec.confidentiality import encrypt
from dtn.bpsec.failure import Failure
from dtn.bpsec.integrity import KEY_BYTES, sign
from dtn.bpsec.keys import Key, parse_key
from dtn.bpsec.policy import NodeSecurity, SecurityRule
from dtn.bpsec.structure import CONFIDENTIALITY, INTEGRITY
from dtn.bundle import BlockFlag, Bundle, CanonicalBlock, FragmentField
from dtn.codec import decode, encode
from dtn.eid import NULL_EID, IpnEid
from dtn.errors import InvalidValue, MalformedBundle

QOS = CanonicalBlock(193, 3, 1, 2, bytes.fromhex("8400000000"))


def signed(*targets: int, scope: int = Scope.ALL, key: Key = MAC_KEY) -> Bundle:
    return sign(a_bundle(b"hello", QOS), targets or (1,), SOURCE, key, scope=scope)


def sealed(bundle: Bundle, *targets: int) -> Bundle:
    return encrypt(bundle, targets or (1,), SOURCE, CONTENT_KEY, draws())


def with_asb(kind: int, data: bytes, flags: int = 1, *others: CanonicalBlock) -> bytes:
    return encode(a_bundle(b"hello", CanonicalBlock(kind, 9, flags, 0, data), QOS, *others))


def block_for(*targets: int, source: object = SOURCE) -> bytes:
    return asb.encode(AbstractSecurityBlock(targets, 1, source, None, ((),) * len(targets)))  # type: ignore[arg-type]


def refusal(kind: int, data: bytes, flags: int = 1, *others: CanonicalBlock) -> str:
    with pytest.raises(MalformedBundle) as fault:
        decode(with_asb(kind, data, flags, *others))
    assert fault.value.layer == "bpsec"
    return fault.value.reason


# --- the abstract security block ------------------------------------------------------------------

SOURCE_CBOR = "82028202 01"


@pytest.mark.row("K1")
@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("8581010100" + SOURCE_CBOR + "8180", "array"),  # an outer array
        ("81010101" + SOURCE_CBOR + "8180", "array of 2"),  # flagged, not there
        ("81010100" + SOURCE_CBOR + "80" + "8180", "behind"),  # there, not flagged
        ("9f01ff0100" + SOURCE_CBOR + "8180", "definite"),
        ("8118010100" + SOURCE_CBOR + "8180", "shortest"),
        ("81010100" + SOURCE_CBOR + "9f80ff", "definite"),
        ("81010100" + SOURCE_CBOR + "81819f0100ff", "definite"),
        ("81010100" + SOURCE_CBOR + "818182015f4100ff", "definite"),
        ("81010100" + SOURCE_CBOR + "818182019f9f00ffff", "definite"),
        ("81010100" + "9f02820201ff" + "8180", "deterministic"),
        ("81010100" + SOURCE_CBOR + "8180" + "00", "behind"),
        ("81010101" + SOURCE_CBOR + "8281" + "05" + "8180", "array of 2"),
        ("81010101" + SOURCE_CBOR + "82820105820106" + "8180", "twice"),
        ("9affffffff", "cut off"),
        ("", "cut off"),
    ],
)
def test_a_security_block_is_a_sequence_deterministic_and_definite(text: str, why: str) -> None:
    assert why in refusal(INTEGRITY, octets(text.replace(" ", "")), 0)


@pytest.mark.row("K2")
@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("80 0100" + SOURCE_CBOR + "80", "without a target"),
        ("820101 0100" + SOURCE_CBOR + "828080", "target twice"),
        ("8105 0100" + SOURCE_CBOR + "8180", "not there"),
        ("820103 0100" + SOURCE_CBOR + "8180", "2 targets, 1 results"),
        ("8101 0100" + SOURCE_CBOR + "828080", "1 targets, 2 results"),
    ],
)
def test_targets_are_there_once_each_with_a_set_of_results(text: str, why: str) -> None:
    assert why in refusal(INTEGRITY, octets(text.replace(" ", "")), 0)


@pytest.mark.row("K1")
def test_a_negative_context_and_reserved_flags_are_kept() -> None:
    text = "8101" + "3903e7" + "06" + "82028202018180"
    block = asb.decode(octets(text))
    assert (block.context, block.other_flags, block.parameters) == (-1000, 6, None)
    assert asb.encode(block).hex() == text


@pytest.mark.row("K3")
def test_no_service_is_put_on_a_block_that_may_not_have_it() -> None:
    another = CanonicalBlock(INTEGRITY, 7, 0, 0, block_for(3))
    hidden = CanonicalBlock(CONFIDENTIALITY, 7, 1, 0, block_for(1))
    assert "3.7" in refusal(INTEGRITY, block_for(7), 0, another)
    assert "3.7" in refusal(INTEGRITY, block_for(7), 0, hidden)
    assert "3.8" in refusal(CONFIDENTIALITY, block_for(0))
    assert "3.8" in refusal(CONFIDENTIALITY, block_for(7), 1, hidden)
    decode(with_asb(INTEGRITY, block_for(0, 1, 3), 0))
    with pytest.raises(InvalidValue, match="target"):
        sign(signed(1), [2], SOURCE, MAC_KEY)
    for target in (0, 9, 77):
        with pytest.raises(InvalidValue, match="target"):
            sealed(decode(with_asb(CONFIDENTIALITY, block_for(1))), target)


@pytest.mark.row("K4")
@pytest.mark.parametrize("kind", [INTEGRITY, CONFIDENTIALITY])
def test_a_service_is_applied_to_a_block_once(kind: int) -> None:
    assert "twice" in refusal(kind, block_for(1), 1, CanonicalBlock(kind, 8, 1, 0, block_for(3, 1)))
    with pytest.raises(InvalidValue, match="signed already"):
        sign(signed(), [1], SOURCE, MAC_KEY)
    with pytest.raises(InvalidValue, match="encrypted already"):
        sealed(sealed(signed()))


@pytest.mark.row("K5")
def test_confidentiality_of_the_payload_goes_into_every_fragment_and_is_never_discarded() -> None:
    assert "replicated" in refusal(CONFIDENTIALITY, block_for(1), 0)
    assert "discarded" in refusal(
        CONFIDENTIALITY, block_for(1), 1 | BlockFlag.DISCARD_IF_UNPROCESSED
    )
    assert "discarded" in refusal(CONFIDENTIALITY, block_for(3), BlockFlag.DISCARD_IF_UNPROCESSED)
    for operation in the_operations(sealed(signed(), 1, 3), CONFIDENTIALITY):
        assert operation.block.flags == (BlockFlag.REPLICATE if operation.target == 1 else 0)


@pytest.mark.row("B13")
@pytest.mark.parametrize("source", [NULL_EID, IpnEid(0, 2**32 - 1, 5)])
def test_a_security_source_is_a_node(source: object) -> None:
    assert "no node" in refusal(INTEGRITY, block_for(1, source=source), 0)


@pytest.mark.row("K6")
def test_what_is_signed_is_encrypted_together_with_its_signature() -> None:
    bundle = sealed(signed(1))
    assert structure.encrypted_numbers(bundle) == {1, 2}
    assert the_operations(bundle, INTEGRITY) == []
    plain = decrypted(bundle, CONTENT_KEY)
    assert plain == signed(1)
    with pytest.raises(InvalidValue, match="encrypted"):
        sign(bundle, [1], SOURCE, MAC_KEY)


@pytest.mark.row("K6")
def test_a_signature_over_more_than_is_encrypted_is_split() -> None:
    scope = Scope.PRIMARY_BLOCK | Scope.TARGET_HEADER
    bundle = sealed(signed(0, 1, scope=scope), 1)
    (left,) = the_operations(bundle, INTEGRITY)
    assert left.target == 0
    plain = decrypted(bundle, CONTENT_KEY)
    assert isinstance(plain, Bundle)
    assert [op.target for op in the_operations(plain, INTEGRITY)] == [0, 1]
    assert verdicts(plain, MAC_KEY) == [None, None]
    with pytest.raises(InvalidValue, match="header is signed"):
        sealed(signed(0, 1), 1)


@pytest.mark.row("I10", "K24")
def test_a_fragment_is_neither_signed_nor_encrypted() -> None:
    piece = a_bundle(b"hello", fragment=FragmentField(0, 9))
    with pytest.raises(InvalidValue, match="fragment"):
        sign(piece, [1], SOURCE, MAC_KEY)
    with pytest.raises(InvalidValue, match="fragment"):
        encrypt(piece, [1], SOURCE, CONTENT_KEY, draws())


@pytest.mark.row("K24")
def test_what_covers_the_primary_block_does_not_verify_in_a_fragment() -> None:
    def in_a_fragment(bundle: Bundle) -> list[Failure | None]:
        primary = bundle.primary.with_fields(flags=1, fragment=FragmentField(0, 9))
        return verdicts(Bundle(primary, bundle.blocks), MAC_KEY)

    (failure,) = in_a_fragment(signed(3))
    assert failure is not None
    assert in_a_fragment(signed(3, scope=Scope.TARGET_HEADER)) == [None]


@pytest.mark.row("K5")
def test_a_fragment_may_have_security_blocks_for_blocks_that_stayed_behind() -> None:
    bundle = a_bundle(b"hello", CanonicalBlock(CONFIDENTIALITY, 9, 1, 0, block_for(1, 44)))
    with pytest.raises(MalformedBundle, match="not there"):
        decode(encode(bundle))
    piece = bundle.primary.with_fields(flags=1, fragment=FragmentField(3, 9))
    decode(encode(Bundle(piece, bundle.blocks)))


# --- what the contexts ask ------------------------------------------------------------------------


@pytest.mark.row("K15")
def test_a_crc_gives_way_to_integrity_and_to_encryption() -> None:
    bundle = signed(0, 1)
    assert (bundle.primary.crc_type, bundle.blocks[-1].crc_type) == (0, 0)
    assert sealed(a_bundle()).blocks[-1].crc_type == 0
    # and one that a waypoint has put back does not count
    restored = structure.with_crc_type(bundle, (1,), 2)
    assert verdicts(restored, MAC_KEY) == [None, None]


@pytest.mark.row("K14")
@pytest.mark.parametrize("variant", [5, 6, 7])
def test_every_sha_variant_signs_and_verifies(variant: int) -> None:
    key = Key("k", bytes(range(KEY_BYTES[variant])))
    bundle = sign(a_bundle(), [0, 1], SOURCE, key, variant=variant)
    assert verdicts(bundle, key) == [None, None]
    assert all(verdicts(bundle, Key("other", bytes(len(key)))))


@pytest.mark.row("K17")
@pytest.mark.parametrize(("variant", "length"), [(5, 48), (6, 32), (6, 64), (7, 48)])
def test_an_hmac_key_is_as_long_as_its_output(variant: int, length: int) -> None:
    with pytest.raises(InvalidValue, match="octets"):
        sign(a_bundle(), [1], SOURCE, Key("k", bytes(length)), variant=variant)
    with pytest.raises(InvalidValue, match="octets"):
        SecurityRule(service=INTEGRITY, key=Key("k", bytes(length)), variant=variant)


@pytest.mark.row("K18")
def test_no_iv_comes_twice_and_each_has_twelve_octets() -> None:
    seen = set()
    draw = draws()
    for _ in range(500):
        bundle = encrypt(signed(1), [1, 3], SOURCE, CONTENT_KEY, draw)
        for operation in the_operations(bundle, CONFIDENTIALITY):
            assert operation.content.uint_parameter(2, 0) == 3
            assert len(operation.content.targets) == 1
            seen.add(operation.content.octets_parameter(1))
    assert len(seen) == 1500
    assert {len(iv) for iv in seen if iv} == {12}
    with pytest.raises(InvalidValue, match="twice"):
        encrypt(signed(1), [1], SOURCE, CONTENT_KEY, lambda length: bytes(length))


@pytest.mark.row("K22")
def test_a_wrapped_key_is_used_where_there_is_one() -> None:
    bundle = sign(a_bundle(), [1], SOURCE, MAC_KEY, key_encryption_key=WRAPPING_KEY)
    assert verdicts(bundle, WRAPPING_KEY) == [None]
    (failure,) = verdicts(bundle, MAC_KEY)
    assert failure is not None
    assert "unwrap" in failure.why
    hidden = encrypt(a_bundle(), [1], SOURCE, CONTENT_KEY, draws(), key_encryption_key=WRAPPING_KEY)
    plain = decrypted(hidden, WRAPPING_KEY)
    assert isinstance(plain, Bundle)
    assert plain.payload == b"hello"
    assert isinstance(decrypted(hidden, CONTENT_KEY), Failure)


@pytest.mark.row("K23")
def test_a_key_serves_one_context_only() -> None:
    rules = (
        SecurityRule(service=INTEGRITY, key=WRAPPING_KEY, variant=6, wrapped=True),
        SecurityRule(service=CONFIDENTIALITY, key=WRAPPING_KEY, variant=3, wrapped=True),
    )
    with pytest.raises(InvalidValue, match="a key of its own"):
        NodeSecurity(rules, draws())


@pytest.mark.row("K16")
def test_hmacs_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    import hmac

    compared: list[tuple[bytes, bytes]] = []
    real = hmac.compare_digest

    def spy(a: bytes, b: bytes) -> bool:
        compared.append((a, b))
        return real(a, b)

    monkeypatch.setattr(hmac, "compare_digest", spy)
    assert verdicts(signed(1), MAC_KEY) == [None]
    assert len(compared) == 1


@pytest.mark.row("K14")
@pytest.mark.parametrize("value", ["20", "60", "f4", "1a00010000", "1bffffffffffffffff"])
def test_a_parameter_of_another_kind_fails_its_operation(value: str) -> None:
    bundle = signed(1)
    content = asb.decode(bundle.blocks[0].data)
    for number in (1, 2, 3):
        entries = tuple(e for e in content.parameters or () if e.id != number)
        changed = content._replace(parameters=(*entries, Entry(number, octets(value))))
        (failure,) = verdicts(structure.with_content(bundle, 2, asb.encode(changed)), MAC_KEY)
        assert failure is not None
        assert failure.reason in (13, 15)


def test_an_unknown_context_is_unknown_and_not_failed() -> None:
    bundle = signed(1)
    content = asb.decode(bundle.blocks[0].data)._replace(context=-5)
    (failure,) = verdicts(structure.with_content(bundle, 2, asb.encode(content)), MAC_KEY)
    assert failure is not None
    assert failure.reason == 13


# --- keys do not show -----------------------------------------------------------------------------


def test_a_key_shows_its_name_and_nothing_else() -> None:
    secret = "5ec2e7" * 16
    key = parse_key("uplink", f"# for the uplink\n{secret}\n")
    rule = SecurityRule(service=INTEGRITY, key=key, variant=6)
    shown = f"{key} {key!r} {rule!r} {NodeSecurity((rule,), draws())!r}"
    assert "uplink" in shown
    for form in (secret, secret.upper(), repr(key.octets)[2:-1], repr(list(key.octets))):
        assert form not in shown


@pytest.mark.parametrize("text", ["5ec2e7", "not hexadecimal", "5ec2e", "", "5ec2e7" * 40])
def test_what_is_no_key_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(InvalidValue) as fault:
        parse_key("uplink", text)
    assert not text or text not in str(fault.value)


def test_a_node_without_security_does_not_load_the_cryptography_package() -> None:
    code = "import sys, dtn.bpa, dtn.codec; sys.exit('cryptography' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# --- properties -----------------------------------------------------------------------------------

payloads = st.binary(max_size=200)
scopes = st.integers(0, 7)


@given(payloads, scopes, st.sampled_from(((1,), (0,), (0, 1), (1, 3), (0, 1, 3))))
def test_what_was_signed_verifies_after_any_way_through_octets(
    payload: bytes, scope: int, targets: tuple[int, ...]
) -> None:
    bundle = sign(a_bundle(payload, QOS), targets, SOURCE, MAC_KEY, scope=scope)
    came = decode(encode(bundle))
    assert verdicts(came, MAC_KEY) == [None] * len(targets)
    for operation in the_operations(came, INTEGRITY):
        came = structure.without_operation(came, operation)
    assert came == structure.with_crc_type(a_bundle(payload, QOS), targets, 0)


@given(payloads, scopes, st.sampled_from((1, 3)), st.booleans(), st.booleans())
def test_what_was_encrypted_decrypts_to_what_it_was(
    payload: bytes, scope: int, variant: int, is_wrapped: bool, is_signed: bool
) -> None:
    original = a_bundle(payload, QOS)
    if is_signed:
        original = sign(original, [1], SOURCE, MAC_KEY)
    key = Key("k", bytes(range(16 if variant == 1 else 32)))
    bundle = encrypt(
        original,
        [1, 3],
        SOURCE,
        key,
        draws(),
        variant=variant,
        scope=scope,
        key_encryption_key=WRAPPING_KEY if is_wrapped else None,
    )
    if len(payload) > 3:
        assert payload not in encode(bundle)
    plain = decrypted(decode(encode(bundle)), WRAPPING_KEY if is_wrapped else key)
    assert plain == structure.with_crc_type(original, (1, 3), 0)


def whole(bundle: Bundle) -> Bundle:
    primary = bundle.primary.with_fields(flags=bundle.primary.flags & ~1, fragment=None)
    return Bundle(primary, bundle.blocks)


@given(bundles().map(whole), scopes)
def test_any_bundle_can_be_signed_and_encrypted_and_comes_out_as_it_was(
    original: Bundle, scope: int
) -> None:
    numbers = [block.number for block in original.blocks]
    bundle = sign(original, [0], SOURCE, MAC_KEY, scope=scope)
    for number in numbers:
        bundle = sign(bundle, [number], SOURCE, MAC_KEY, scope=scope)
    bundle = encrypt(bundle, numbers, SOURCE, CONTENT_KEY, draws(), scope=scope)
    assert structure.encrypted_numbers(bundle) >= set(numbers)
    plain = decrypted(decode(encode(bundle), rules=False), CONTENT_KEY)
    assert isinstance(plain, Bundle)
    assert verdicts(plain, MAC_KEY) == [None] * (len(numbers) + 1)
    for operation in the_operations(plain, INTEGRITY):
        plain = structure.without_operation(plain, operation)
    assert plain == structure.with_crc_type(original, (0, *numbers), 0)


def survives(bundle: Bundle, flipped: bytes) -> bool:
    """Whether octets that were tampered with are taken for the bundle, with its payload and all."""
    try:
        came = decode(flipped)
    except MalformedBundle:
        return False
    if not the_operations(came, CONFIDENTIALITY):
        return False
    plain = decrypted(came, CONTENT_KEY)
    if isinstance(plain, Failure):
        return False
    try:
        structure.check(plain)
    except MalformedBundle:
        return False
    operations = the_operations(plain, INTEGRITY)
    if {op.target for op in operations} != {0, 1, 3}:
        return False
    return verdicts(plain, MAC_KEY) == [None, None, None]


def test_any_flipped_bit_is_caught() -> None:
    bundle = sign(a_bundle(b"hello", QOS), [0, 3], SOURCE, MAC_KEY)
    bundle = sealed(sign(bundle, [1], SOURCE, MAC_KEY))
    good = encode(bundle)
    assert survives(bundle, good)
    for bit in range(len(good) * 8):
        flipped = bytearray(good)
        flipped[bit // 8] ^= 1 << bit % 8
        if survives(bundle, bytes(flipped)):
            differences = list(meaningful_differences(bundle, decode(bytes(flipped))))
            assert differences == [], f"bit {bit}"


def meaningful_differences(one: Bundle, other: Bundle) -> Iterator[str]:
    """What differs between two secured bundles but for what no operation of RFC 9173 covers.

    That is: flags that are not assigned (RFC 9172 section 4, RFC 9173 section 3.7), and the security
    source, which the agent compares with the source of the bundle.
    """
    if integrity_plaintext(one, 0, 0, b"") != integrity_plaintext(other, 0, 0, b""):
        yield "primary block"
    for old, new in zip(one.blocks, other.blocks, strict=True):
        if header(old.type, old.number, old.flags) != header(new.type, new.number, new.flags):
            yield f"header of block {old.number}"
        if old.data == new.data:
            continue
        if old.type not in (INTEGRITY, CONFIDENTIALITY):
            yield f"data of block {old.number}"
            continue
        if covered(asb.decode(old.data), old.type) != covered(asb.decode(new.data), old.type):
            yield f"security block {old.number}"


def covered(block: AbstractSecurityBlock, kind: int) -> AbstractSecurityBlock:
    number = 3 if kind == INTEGRITY else 4
    flags = block.uint_parameter(number, Scope.ALL) or 0
    scope = Entry(number, bytes((flags & Scope.ALL,)))
    others = tuple(entry for entry in block.parameters or () if entry.id != number)
    return block._replace(parameters=(*others, scope), source=SOURCE, other_flags=0)


@given(st.binary(max_size=60))
def test_any_octets_are_a_security_block_or_malformed(data: bytes) -> None:
    try:
        block = asb.decode(data)
    except MalformedBundle:
        return
    assert asb.encode(block) == data


def test_mutated_security_blocks_are_read_or_malformed() -> None:
    corpus = [
        octets(text)
        for text in (
            EXAMPLES["A1"]["asb"],
            EXAMPLES["A2"]["asb"],
            EXAMPLES["A3"]["bib"]["asb"],
            EXAMPLES["A4"]["bcb"]["asb"],
        )
    ]
    read_back = 0
    for data in mutations(corpus, 5000, seed=7):
        try:
            block = asb.decode(data)
        except MalformedBundle:
            continue
        assert asb.encode(block) == data
        read_back += 1
    assert read_back > 100


def test_mutated_secured_bundles_verify_only_by_keeping_what_is_signed() -> None:
    key = a_key(EXAMPLES["A1"]["key"])
    corpus = [octets(EXAMPLES[name]["final_bundle"]) for name in ("A1", "A2", "A3", "A4")]
    for data in mutations(corpus, 3000, seed=8):
        try:
            bundle = decode(data, rules=False)
            found = verdicts(bundle, key, any_key_length=True)
            plain = decrypted(bundle, a_key(EXAMPLES["A2"]["kek"]))
        except MalformedBundle:
            continue
        if found == [None] and 1 in {op.target for op in the_operations(bundle, INTEGRITY)}:
            assert bundle.payload == read(EXAMPLES["A1"]["original_bundle"]).payload
        assert isinstance(plain, Bundle | Failure)
