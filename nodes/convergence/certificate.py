"""Certificates of nodes: TLS 1.3 both ways, and the node ID that a certificate is for.

Source: RFC 9174 section 4.4. The peer's certificate must come from a known authority and name the
peer's node ID: an otherName of type id-on-bundleEID among its alternative names (section 4.4.1).
Host names are not asked about: a node moves and its name does not.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509

from dtn.eid import parse_eid
from dtn.errors import BadInput, Fault, InvalidValue

BUNDLE_EID = x509.ObjectIdentifier("1.3.6.1.5.5.7.8.11")
"""id-on-bundleEID (RFC 9174 §8.11)."""

_IA5_STRING = 0x16
_LONG_FORM = 0x80


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsOptions:
    """How TLS is used.

    Args:
        client: for sessions that this node calls.
        server: for those that come in.
        is_required: whether a session without TLS is refused.
        proves_node_id: whether the peer's certificate must name its node ID.
    """

    client: ssl.SSLContext
    server: ssl.SSLContext
    is_required: bool = True
    proves_node_id: bool = True


def tls_from_files(certificate: Path, key: Path, authorities: Path) -> TlsOptions:
    """TLS with this certificate, for peers that these authorities vouch for.

    Args:
        certificate: PEM, with the chain behind it.
        key: PEM, its private key.
        authorities: PEM, those that are trusted.

    Raises:
        BadInput: a file is not there or not what it should be.
    """
    contexts = []
    for protocol in (ssl.PROTOCOL_TLS_CLIENT, ssl.PROTOCOL_TLS_SERVER):
        context = ssl.SSLContext(protocol)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.check_hostname = False
        context.verify_mode = ssl.CERT_REQUIRED
        try:
            context.load_cert_chain(certificate, key)
        except OSError as fault:
            raise _bad(certificate, key, fault) from None
        try:
            context.load_verify_locations(authorities)
        except OSError as fault:
            raise _bad(authorities, authorities, fault) from None
        contexts.append(context)
    return TlsOptions(client=contexts[0], server=contexts[1])


def names_node(certificate: bytes | None, node_id: str) -> bool:
    """Whether a certificate (DER) is for this node ID."""
    if certificate is None:
        return False
    try:
        node = parse_eid(node_id)
    except InvalidValue:
        return False
    return node in _bundle_eids(certificate)


def _bundle_eids(certificate: bytes) -> list[object]:
    try:
        names = (
            x509.load_der_x509_certificate(certificate)
            .extensions.get_extension_for_class(x509.SubjectAlternativeName)
            .value
        )
    except (ValueError, x509.ExtensionNotFound):
        return []
    found: list[object] = []
    for name in names.get_values_for_type(x509.OtherName):
        if name.type_id == BUNDLE_EID:
            try:
                found.append(parse_eid(_ia5_text(name.value)))
            except (InvalidValue, UnicodeDecodeError):
                continue
    return found


def _ia5_text(der: bytes) -> str:
    """The text of a DER IA5String; empty if it is none."""
    if len(der) < 2 or der[0] != _IA5_STRING:
        return ""
    start = 2 + (der[1] - _LONG_FORM if der[1] > _LONG_FORM else 0)
    return der[start:].decode("ascii")


def _bad(path: Path, key: Path, fault: OSError) -> BadInput:
    return BadInput(Fault(str(path), "", "", f"TLS cannot use it with {key.name}: {fault}"))
