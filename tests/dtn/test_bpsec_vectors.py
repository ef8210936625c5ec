"""RFC 9173 appendix A byte for byte, and the vectors derived from it."""

from __future__ import annotations

import pytest
from secured import (
    EXAMPLES,
    NEGATIVE,
    POSITIVE,
    SOURCE,
    WAYPOINT,
    a_key,
    decrypted,
    octets,
    read,
    the_operations,
    verdicts,
)

from dtn.administrative_record import Reason
from dtn.bpsec import asb, ciphers, structure
from dtn.bpsec.canonical import Scope, associated_data, header, integrity_plaintext
from dtn.bpsec.confidentiality import decrypt, encrypt
from dtn.bpsec.failure import Failure
from dtn.bpsec.integrity import sign
from dtn.bpsec.structure import CONFIDENTIALITY, INTEGRITY
from dtn.bundle import CanonicalBlock
from dtn.codec import encode, encode_block

A1, A2, A3, A4 = (EXAMPLES[name] for name in ("A1", "A2", "A3", "A4"))
SCOPE_NONE = 0


@pytest.mark.row("K13", "K14")
def test_example_a1_a_signed_payload() -> None:
    key = a_key(A1["key"])
    bundle = sign(
        read(A1["original_bundle"]),
        [1],
        SOURCE,
        key,
        variant=7,
        scope=SCOPE_NONE,
        any_key_length=True,
    )
    assert encode_block(bundle.blocks[0]).hex() == A1["bib_block"]
    assert encode(bundle).hex() == A1["final_bundle"]
    assert integrity_plaintext(bundle, 1, 0, b"").hex() == A1["ippt"]
    assert verdicts(read(A1["final_bundle"]), key, any_key_length=True) == [None]


@pytest.mark.row("K17")
def test_the_examples_hmac_key_is_too_short_for_any_other_use() -> None:
    (verdict,) = verdicts(read(A1["final_bundle"]), a_key(A1["key"]))
    assert verdict == Failure(
        Reason.FAILED_SECURITY_OPERATION, "the key is not as long as the HMAC, 64 octets"
    )


@pytest.mark.row("K19", "K22")
def test_example_a2_an_encrypted_payload_with_a_wrapped_key() -> None:
    bundle = encrypt(
        read(A2["original_bundle"]),
        [1],
        SOURCE,
        a_key(A2["cek"]),
        lambda _: octets(A2["iv"]),
        variant=1,
        scope=SCOPE_NONE,
        key_encryption_key=a_key(A2["kek"]),
    )
    assert encode_block(bundle.blocks[0]).hex() == A2["bcb_block"]
    assert encode(bundle).hex() == A2["final_bundle"]
    plain = decrypted(read(A2["final_bundle"]), a_key(A2["kek"]))
    assert not isinstance(plain, Failure)
    assert encode(plain).hex() == A2["original_bundle"]


@pytest.mark.row("K13")
def test_example_a3_security_blocks_from_two_sources() -> None:
    signed = sign(
        read(A3["original_bundle"]),
        [0, 2],
        WAYPOINT,
        a_key(A3["bib"]["key"]),
        variant=5,
        scope=SCOPE_NONE,
        any_key_length=True,
    )
    assert integrity_plaintext(signed, 0, 0, b"").hex() == A3["bib"]["ippt_primary"]
    assert integrity_plaintext(signed, 2, 0, b"").hex() == A3["bib"]["ippt_age"]
    bundle = encrypt(
        signed,
        [1],
        SOURCE,
        a_key(A3["bcb"]["cek"]),
        lambda _: octets(A3["bcb"]["iv"]),
        variant=1,
        scope=SCOPE_NONE,
    )
    assert encode(bundle).hex() == A3["final_bundle"]
    came = read(A3["final_bundle"])
    assert verdicts(came, a_key(A3["bib"]["key"]), any_key_length=True) == [None, None]
    plain = decrypted(came, a_key(A3["bcb"]["cek"]))
    assert not isinstance(plain, Failure)
    assert encode(plain) == encode(signed)


@pytest.mark.row("K20")
def test_example_a4_all_in_scope() -> None:
    bib, bcb = A4["bib"], A4["bcb"]
    original = read(A4["original_bundle"])
    assert integrity_plaintext(original, 1, Scope.ALL, header(INTEGRITY, 3, 0)).hex() == bib["ippt"]
    # the example numbers its blocks itself and signs first
    unsigned = asb.AbstractSecurityBlock(
        (1,),
        1,
        SOURCE,
        (asb.Entry(1, b"\x06"), asb.Entry(3, b"\x07")),
        ((asb.Entry(1, b"\x58\x30" + octets(bib["hmac"])),),),
    )
    signed = structure.with_security_block(original, INTEGRITY, unsigned, 0, 3)
    assert encode_block(signed.blocks[0]).hex() == bib["block_plain"]
    assert verdicts(signed, a_key(bib["key"]), any_key_length=True) == [None]

    security_header = header(CONFIDENTIALITY, 2, 1)
    for target, name in ((1, "payload"), (3, "bib")):
        authenticated = associated_data(signed, target, Scope.ALL, security_header)
        assert authenticated.hex() == bcb[f"aad_{name}"]
        plain = next(block.data for block in signed.blocks if block.number == target)
        sealed = ciphers.encrypt(octets(bcb["key"]), octets(bcb["iv"]), plain, authenticated)
        assert [part.hex() for part in sealed] == [bcb[f"{name}_ciphertext"], bcb[f"{name}_tag"]]


@pytest.mark.row("K18", "K7")
def test_example_a4_which_uses_an_iv_twice_is_taken() -> None:
    bib, bcb = A4["bib"], A4["bcb"]
    came = read(A4["final_bundle"])
    assert the_operations(came, INTEGRITY) == []  # nothing of it can be read while it is encrypted
    plain = decrypted(came, a_key(bcb["key"]))
    assert not isinstance(plain, Failure)
    assert encode_block(plain.blocks[0]).hex() == bib["block_plain"]
    assert verdicts(plain, a_key(bib["key"]), any_key_length=True) == [None]
    assert structure.without_operation(plain, the_operations(plain, INTEGRITY)[0]) == read(
        A4["original_bundle"]
    )


@pytest.mark.row("K1", "K2")
@pytest.mark.parametrize(
    "text",
    [A1["asb"], A2["asb"], A3["bib"]["asb"], A3["bcb"]["asb"], A4["bib"]["asb"], A4["bcb"]["asb"]],
)
def test_the_examples_security_blocks_are_read_and_written(text: str) -> None:
    assert asb.encode(asb.decode(octets(text))).hex() == text


@pytest.mark.row("K21")
def test_p1_the_tag_may_end_the_ciphertext() -> None:
    plain = decrypted(read(POSITIVE["P1"]["hex"]), a_key(A2["kek"]))
    assert not isinstance(plain, Failure)
    assert plain.payload.hex() == A2["plaintext"]


@pytest.mark.row("K21")
def test_a_tag_in_both_places_is_one_too_many() -> None:
    came = read(A2["final_bundle"])
    twice = structure.with_content(came, 1, came.payload + octets(A2["tag"]))
    assert isinstance(decrypted(twice, a_key(A2["kek"])), Failure)


@pytest.mark.row("K14")
@pytest.mark.parametrize("name", ["P2", "P3"])
def test_p2_and_p3_defaults_and_reserved_flags(name: str) -> None:
    vector = POSITIVE[name]
    bundle = read(vector["hex"])
    assert verdicts(bundle, a_key(vector["key"]), any_key_length=True) == [None]
    plaintext = integrity_plaintext(bundle, 1, Scope.ALL, header(INTEGRITY, 2, 0))
    assert plaintext.hex() == vector["ippt"]


@pytest.mark.row("K12")
def test_flags_that_mean_nothing_are_not_protected_and_others_are() -> None:
    vector = POSITIVE["P3"]
    bundle = read(vector["hex"])
    old = bundle.blocks[-1]

    def with_flags(flags: int) -> list[Failure | None]:
        changed = CanonicalBlock(1, 1, flags, 0, old.data)
        return verdicts(
            type(bundle)(bundle.primary, (*bundle.blocks[:-1], changed)),
            a_key(vector["key"]),
            any_key_length=True,
        )

    assert old.flags == 0x80
    assert with_flags(0) == with_flags(0x40) == [None]
    assert with_flags(1) != [None]


@pytest.mark.parametrize(
    ("name", "reason", "why"),
    [
        ("N1", Reason.FAILED_SECURITY_OPERATION, "HMAC"),
        ("N2", Reason.FAILED_SECURITY_OPERATION, "HMAC"),
        pytest.param("N8", Reason.FAILED_SECURITY_OPERATION, "scope", marks=pytest.mark.row("K14")),
        pytest.param(
            "N12", Reason.UNKNOWN_SECURITY_OPERATION, "variant 4", marks=pytest.mark.row("K14")
        ),
    ],
)
def test_what_must_not_verify(name: str, reason: int, why: str) -> None:
    (verdict,) = verdicts(read(NEGATIVE[name]["hex"]), a_key(A1["key"]), any_key_length=True)
    assert verdict is not None
    assert (verdict.reason, why in verdict.why) == (reason, True)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("N3", "not authentic"),
        ("N4", "not authentic"),
        pytest.param("N5", "unwrap", marks=pytest.mark.row("K22")),
        pytest.param("N6", "tag", marks=pytest.mark.row("K18")),
        pytest.param("N7", "initialization vector", marks=pytest.mark.row("K18")),
        ("N9", "not authentic"),
        ("N10", "not authentic"),
        ("N13", "initialization vector"),
    ],
)
def test_what_must_not_decrypt(name: str, why: str) -> None:
    vector = NEGATIVE[name]
    key = a_key(A4["bcb"]["key"] if vector["base"] == "A4" else A2["kek"])
    verdict = decrypted(read(vector["hex"]), key)
    assert isinstance(verdict, Failure)
    assert verdict.reason == Reason.FAILED_SECURITY_OPERATION
    assert why in verdict.why


def test_n11_each_operation_has_its_own_verdict() -> None:
    came = read(NEGATIVE["N11"]["hex"])
    primary, age = verdicts(came, a_key(A3["bib"]["key"]), any_key_length=True)
    assert primary is None
    assert age is not None
    operation = the_operations(came, CONFIDENTIALITY)[0]
    assert isinstance(decrypt(came, operation, a_key(A3["bcb"]["cek"])), bytes)
