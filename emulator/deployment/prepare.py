"""What a constellation in containers needs before it starts: setups, certificates, passwords, rules.

Run once by a service of its own, which fills a folder (a volume) for each of the others:

    broker/       mosquitto.conf, ca.crt, server.crt, server.key, passwords, acl
    NODE/         setup.json, ca.crt, password; attach.toml where a container of others is in its place
    collector/    setup.json, setup.geometry.json, ca.crt, password
    operator/     the same: for the dashboard, and `lightlag ping`, `send`, `control` from outside

The certificate authority lives for one certificate: its key is never written. Passwords stand at
the broker as PBKDF2 only. A node may write on its own links, its events and its status, and read
what is for it; the rules name every link of the contact plan, and no other. Each service sees its
own folder alone.

Filled folders are left as they are while the setup is the same, so that containers can be started
again with their stores.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import os
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from emulator.constellation import setup_file
from emulator.constellation.mosquitto import FLOW
from emulator.constellation.neighbourhood import speaking_links
from emulator.deployment.peers import Peer, parse_peer
from emulator.setup import Setup
from nodes.channel.topics import Topics

BROKER, COLLECTOR, OPERATOR = "broker", "collector", "operator"
"""Services beside the nodes; a node of such a name would be taken for one."""

PORT = 8883
VALID_DAYS = 825
ROUNDS = 10_000
"""Of PBKDF2; the passwords are 192 random bits, which no search finds."""


def prepare(
    given: setup_file.SetupFile,
    into: Path,
    *,
    owner: int | None = None,
    geometry: str = "",
    peers: Sequence[Peer] = (),
) -> bool:
    """Fill the folders; False if they were filled already.

    Args:
        given: the run's setup.
        into: holds a folder for each service.
        owner: user and group number that they are handed to.
        geometry: for those who draw the nodes, as JSON; "" where there is none.
        peers: containers of others in the place of nodes; bundles are dated by the real clock then.
    """
    setup = replace(given.setup, real_dates=bool(peers))
    mark = into / BROKER / "prepared"
    marked = " ".join([given.sha256, *(repr(peer) for peer in peers)])
    if mark.is_file() and mark.read_text() == marked:
        return False
    passwords = new_passwords(setup)
    ca, certificate, key = certificates((BROKER, "localhost"))
    topics = Topics(setup.name)
    for user, password in passwords.items():
        files = {"ca.crt": ca, "password": f"{password}\n"}
        if geometry and user in (COLLECTOR, OPERATOR):
            files["setup.geometry.json"] = geometry
        _write(into / user, files)
    setup_file.save_each(setup, {user: into / user / "setup.json" for user in passwords})
    _write(
        into / BROKER,
        {
            "ca.crt": ca,
            "server.crt": certificate,
            "server.key": key,
            "passwords": "".join(password_line(*each) for each in passwords.items()),
            "acl": "\n".join(access_list(setup, topics)) + "\n",
            "mosquitto.conf": configuration("/mosquitto/lightlag"),
        },
    )
    for peer in peers:
        _write(into / peer.node, {"attach.toml": peer.attach_file})
        (into / peer.contacts).mkdir(exist_ok=True)
    _write(into / BROKER, {"prepared": marked})
    if owner is not None:
        for path in (into, *into.rglob("*")):
            os.chown(path, owner, owner)
    return True


def new_passwords(setup: Setup) -> dict[str, str]:
    """One for everybody who has an account with the broker."""
    users = [*(member.name for member in setup.members), COLLECTOR, OPERATOR]
    return {user: secrets.token_urlsafe(24) for user in users}


def configuration(folder: str) -> str:
    """Mosquitto's, with its files in this folder."""
    return (
        f"listener {PORT}\n"
        f"cafile {folder}/ca.crt\n"
        f"certfile {folder}/server.crt\n"
        f"keyfile {folder}/server.key\n"
        "tls_version tlsv1.2\n"
        "allow_anonymous false\n"
        f"password_file {folder}/passwords\n"
        f"acl_file {folder}/acl\n"
        "log_dest stderr\n"
        f"{FLOW}"
    )


def access_list(setup: Setup, topics: Topics) -> Iterator[str]:
    """The broker's rules: who may write and read which topics."""
    links = sorted(speaking_links(setup))
    for member in setup.members:
        name = member.name
        yield f"user {name}"
        yield f"topic read {topics.control('#')}"
        for what in ("order", "resend", "have", "grant"):
            yield f"topic read {topics.node(name, what)}"
        yield f"topic read {topics.status('+')}"
        yield f"topic write {topics.status(name)}"
        yield f"topic write {topics.event(name)}"
        for what in ("delivered", "answer"):
            yield f"topic write {topics.node(name, what)}"
        yield f"topic write {topics.node(name, 'report')}"
        for source, destination in links:
            if name == source:
                yield f"topic write {topics.link(source, destination)}"
            elif name == destination:
                yield f"topic read {topics.link(source, destination)}"
    yield f"user {COLLECTOR}"
    yield f"topic read {topics.event('+')}"
    yield f"topic readwrite {topics.status('+')}"
    yield f"topic readwrite {topics.control('#')}"
    yield f"topic read {topics.node('+', 'report')}"
    for what in ("resend", "have", "grant"):
        yield f"topic write {topics.node('+', what)}"
    yield f"user {OPERATOR}"
    yield f"topic read {topics.event('+')}"
    yield f"topic read {topics.status('+')}"
    yield f"topic readwrite {topics.control('#')}"
    for what in ("order", "resend"):
        yield f"topic write {topics.node('+', what)}"
    for what in ("delivered", "answer"):
        yield f"topic read {topics.node('+', what)}"


def password_line(user: str, password: str) -> str:
    """A line of Mosquitto's password file: PBKDF2 with HMAC-SHA-512."""
    salt = secrets.token_bytes(12)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ROUNDS)
    parts = (base64.b64encode(each).decode() for each in (salt, digest))
    return f"{user}:$7${ROUNDS}${'$'.join(parts)}\n"


def certificates(names: Sequence[str]) -> tuple[str, str, str]:
    """An authority's certificate, and a server's with its key, as PEM; the authority's key is gone."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    def named(name: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])

    now = datetime.now(UTC)
    until = now + timedelta(days=VALID_DAYS)
    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca_name = named("Lightlag, this constellation")
    signs = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    ca = (
        x509.CertificateBuilder(ca_name, ca_name, ca_key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(until)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(signs, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key()), False)
        .sign(ca_key, hashes.SHA256())
    )
    key = ec.generate_private_key(ec.SECP256R1())
    hosts: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
    hosts.append(x509.IPAddress(IPv4Address("127.0.0.1")))
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    server = (
        x509.CertificateBuilder(
            ca_name, named(names[0]), key.public_key(), x509.random_serial_number()
        )
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(until)
        .add_extension(x509.SubjectAlternativeName(hosts), False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(authority, False)
        .sign(ca_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    key_text = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return ca.public_bytes(pem).decode(), server.public_bytes(pem).decode(), key_text.decode()


def _write(folder: Path, files: dict[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        path = folder / name
        path.unlink(missing_ok=True)
        path.touch(mode=0o600)
        path.write_text(text)


def main(arguments: Sequence[str] | None = None) -> None:
    """The one-shot service."""
    parser = argparse.ArgumentParser("prepare", description="Fill the services' folders.")
    parser.add_argument("--setup", type=Path, required=True)
    parser.add_argument("--into", type=Path, required=True)
    parser.add_argument("--owner", type=int)
    parser.add_argument("--peer", action="append", default=[])
    said = parser.parse_args(arguments)
    drawn = said.setup.with_suffix(
        ".geometry.json"
    )  # as emulator.geometry has it, which needs numpy
    geometry = drawn.read_text(encoding="utf-8") if drawn.is_file() else ""
    given = setup_file.load(said.setup)
    peers = tuple(map(parse_peer, said.peer))
    done = prepare(given, said.into, owner=said.owner, geometry=geometry, peers=peers)
    print("prepared" if done else "prepared before, left as it is")


if __name__ == "__main__":
    main()
