"""What a constellation in containers is given: the compose file, certificates, passwords, rules."""

from __future__ import annotations

import re
import shutil
import ssl
import subprocess
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from dtn.contact_plan import Contact, ContactPlan
from dtn.errors import BadInput
from emulator.attach import load as load_attached
from emulator.constellation import setup_file
from emulator.constellation.mosquitto import find_mosquitto
from emulator.constellation.setup_file import SetupFile
from emulator.deployment.compose import compose, scenario_path
from emulator.deployment.peers import Peer, parse_peer, resolved
from emulator.deployment.prepare import PORT, configuration, password_line, prepare
from emulator.geometry import beside
from emulator.scenario import load
from emulator.setup import Member, Setup
from nodes.channel.broker import Broker
from nodes.channel.connection import Connection, Message, Posts

ROOT = Path(__file__).parents[2]

SETUP = Setup(
    name="three",
    sha256="",
    start=None,
    duration_s=10.0,
    seed=1,
    strategy="sabr",
    plan=ContactPlan([Contact(x, y, 0.0, 10.0, 1e6, 1.0) for x, y in ("ab", "ba", "bc")]),
    members=tuple(Member(name=name, ipn=n) for n, name in enumerate("abc", 1)),
)
GIVEN = SetupFile(SETUP, setup_file.digest(SETUP))


def test_the_compose_file_at_the_root_is_that_of_the_default_scenario() -> None:
    scenario = load(ROOT / "scenarios" / "moonbase-alpha.toml")
    text = compose(scenario.name, "scenarios/moonbase-alpha.toml", tuple(scenario.ipn_numbers()))
    assert (ROOT / "docker-compose.yml").read_text() == text


def test_every_node_is_a_service_with_a_volume_of_its_own_and_no_other_s() -> None:
    text = compose("three", "scenarios/three.toml", ("a", "b"))
    for node in "ab":
        service = re.search(rf"^  {node}:\n((    .*\n)+)", text, re.M)
        assert service
        assert f'volumes: ["{node}:/var/lib/lightlag"]' in service[1]
        assert "read_only: true" in service[1]
        assert 'user: "10001:10001"' in service[1]


PEER = Peer(
    node="b",
    image="example/agent:1",
    carrier="mtcp",
    node_id="ipn:2.0",
    neighbours={"c": "ipn:3.0", "a": "ipn:1.0"},
)


def test_a_peer_is_an_unmodified_container_that_meets_its_gateway_only() -> None:
    yaml = pytest.importorskip(
        "yaml", reason="PyYAML is not installed: pip install -e '.[manifests]'"
    )
    document = yaml.safe_load(compose("three", "three.toml", ("a", "b", "c"), [PEER]))
    services = document["services"]
    peer, gateway = services["b"], services["b-gateway"]
    assert not {"command", "entrypoint", "user", "privileged", "cap_add", "ports"} & set(peer)
    assert peer["image"] == "example/agent:1"
    assert peer["cap_drop"] == ["NET_ADMIN", "NET_RAW"]
    (beside,) = peer["networks"]
    assert document["networks"][beside] == {"internal": True}
    assert [n for n, s in services.items() if beside in s.get("networks", ())] == ["b-gateway", "b"]
    assert gateway["networks"] == ["links", beside]
    assert peer["environment"] == {
        "LIGHTLAG_NODE": "b",
        "LIGHTLAG_NODE_ID": "ipn:2.0",
        "LIGHTLAG_CARRIER": "mtcp",
        "LIGHTLAG_LISTEN": "0.0.0.0:4556",
        "LIGHTLAG_NEIGHBOURS": "a=ipn:1.0@b-gateway:4600 c=ipn:3.0@b-gateway:4601",
    }
    assert "RATE:-1}" in " ".join(services["collector"]["command"])


def test_a_peer_s_gateway_is_prepared_for_it_and_bundles_are_dated_by_the_real_clock(
    tmp_path: Path,
) -> None:
    assert prepare(GIVEN, tmp_path, peers=[PEER])
    assert not prepare(GIVEN, tmp_path, peers=[PEER])
    setup = setup_file.load(tmp_path / "b" / "setup.json").setup
    assert setup.real_dates
    (program,) = load_attached(tmp_path / "b" / "attach.toml", setup).programs
    assert (program.node, program.carrier, program.peer) == ("b", "mtcp", "b:4556")
    assert (tmp_path / "b-contacts").is_dir()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("b=agent", ("agent", "", 4556, "ion")),
        ("b=host:5000/agent:1,carrier=mtcp", ("host:5000/agent:1", "mtcp", 4556, "ion")),
        ("b=agent,plan=tvg,port=4224", ("agent", "", 4224, "tvg")),
    ],
)
def test_a_peer_is_named_in_a_few_words(text: str, found: tuple[str, str, int, str]) -> None:
    peer = parse_peer(text)
    assert (peer.image, peer.carrier, peer.port, peer.plan_format) == found
    assert parse_peer(PEER.words) == replace(PEER, node_id="", neighbours=None)


@pytest.mark.parametrize(
    ("text", "mend"),
    [
        ("b", "NAME=IMAGE"),
        ("=agent", "NAME=IMAGE"),
        ("b=agent,colour=red", "carrier="),
        ("b=agent,port=1,port=2", "each once"),
        ("b=agent,port=0", "no port"),
        ("b=agent,port=x", "no port"),
        ("b=agent,plan=prose", "choose one of"),
        ("b=agent,carrier=pigeon", "choose one of"),
    ],
)
def test_what_is_no_peer_is_told_why(text: str, mend: str) -> None:
    with pytest.raises(BadInput, match=mend):
        parse_peer(text)


@pytest.mark.parametrize(
    ("text", "mend"), [("d=agent", "no such node"), ("b=agent,carrier=ltp", "whole bundles")]
)
def test_a_peer_that_does_not_fit_the_scenario_is_told_why(text: str, mend: str) -> None:
    with pytest.raises(BadInput, match=mend):
        resolved([text], SETUP)


def test_of_a_peer_the_setup_says_who_it_is_and_who_is_around_it() -> None:
    (peer,) = resolved(["b=example/agent:1,carrier=mtcp"], SETUP)
    assert peer == PEER


@pytest.mark.skipif(shutil.which("docker-compose") is None, reason="no docker-compose here")
def test_docker_compose_takes_the_file_for_one() -> None:
    words = ["docker-compose", "-f", str(ROOT / "docker-compose.yml"), "config", "-q"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_node_cannot_have_the_name_of_another_service() -> None:
    with pytest.raises(BadInput, match="broker"):
        compose("x", "x.toml", ("a", "broker"))


def test_a_scenario_outside_the_folder_of_the_build_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="where the Dockerfile is"):
        scenario_path(Path("/elsewhere/x.toml"), tmp_path)


def test_folders_are_filled_once_and_again_for_another_setup(tmp_path: Path) -> None:
    assert prepare(GIVEN, tmp_path)
    password = (tmp_path / "a" / "password").read_text()
    assert not prepare(GIVEN, tmp_path)
    assert (tmp_path / "a" / "password").read_text() == password
    other = replace(SETUP, seed=2)
    assert prepare(SetupFile(other, setup_file.digest(other)), tmp_path)
    assert (tmp_path / "a" / "password").read_text() != password


def test_where_nodes_are_is_told_to_those_who_draw_them_and_not_to_the_nodes(
    tmp_path: Path,
) -> None:
    prepare(GIVEN, tmp_path, geometry="{}\n")
    files = sorted(file.parent.name for file in tmp_path.rglob(beside(Path("setup.json")).name))
    assert files == ["collector", "operator"]


def test_no_password_stands_at_the_broker_and_files_are_for_their_owner_only(
    tmp_path: Path,
) -> None:
    prepare(GIVEN, tmp_path)
    at_the_broker = "".join(f.read_text() for f in (tmp_path / "broker").iterdir())
    for user in ("a", "b", "c", "collector", "operator"):
        assert (tmp_path / user / "password").read_text().strip() not in at_the_broker
    secret = [tmp_path / "a" / "password", tmp_path / "broker" / "server.key"]
    assert {file.stat().st_mode & 0o777 for file in secret} == {0o600}
    assert setup_file.load(tmp_path / "a" / "setup.json") == GIVEN


def test_a_password_line_is_salted() -> None:
    assert password_line("a", "secret") != password_line("a", "secret")
    assert password_line("a", "secret").startswith("a:$7$")


@pytest.mark.slow
@pytest.mark.skipif(find_mosquitto() is None, reason="no mosquitto here")
def test_the_broker_lets_a_node_speak_on_its_own_links_only(tmp_path: Path) -> None:
    prepare(GIVEN, tmp_path)
    program = find_mosquitto()
    assert program is not None
    folder = tmp_path / "broker"
    config = folder / "mosquitto.conf"
    assert configuration("/mosquitto/lightlag") in config.read_text()
    text = config.read_text().replace("/mosquitto/lightlag", str(folder))
    config.write_text(text.replace(f"listener {PORT}", f"user root\nlistener {PORT} 127.0.0.1"))
    process = subprocess.Popen([program, "-c", str(config)], stderr=subprocess.DEVNULL)
    heard: list[str] = []
    all_heard = threading.Event()

    def hear(user: str, topic: str) -> None:
        heard.append(f"{user} {topic.removeprefix('lightlag/three/')}")
        if topic.endswith("link/a/b"):
            all_heard.set()  # the last one

    def account(user: str, password: str | None = None) -> Broker:
        own = (tmp_path / user / "password").read_text().strip()
        return Broker(
            host="localhost",
            port=PORT,
            user=user,
            password=own if password is None else password,
            tls=True,
            ca_file=tmp_path / user / "ca.crt",
        )

    everything = (
        "lightlag/three/link/+/+",
        "lightlag/three/event/+",
        "lightlag/three/node/+/status",
    )
    listeners = [
        Connection(
            account(user),
            subscriptions=everything,
            receive=lambda topic, payload, user=user: hear(user, topic),
        )
        for user in ("b", "c", "collector")
    ]
    try:
        for listener in listeners:
            listener.start()
        for topic in (
            "link/b/c",
            "link/a/c",
            "event/b",
            "node/b/status",
            "node/a/status",
            "link/a/b",
        ):
            posts = Posts()
            posts.put(Message(f"lightlag/three/{topic}", b"from a"))
            speaker = Connection(account("a"), outboxes=(posts,))
            speaker.start()  # Mosquitto ends the connection of whoever oversteps
            speaker.close(0.1)
        assert all_heard.wait(10.0)
        with pytest.raises(BadInput, match="refuses user 'a'"):
            Connection(account("a", "wrong")).start()
        for listener in listeners:
            listener.close()
    finally:
        process.terminate()
        process.wait()
    mine = {"b link/a/b", *(f"{user} node/a/status" for user in ("b", "c", "collector"))}
    assert set(heard) == mine


def test_the_server_s_certificate_is_one_that_a_client_takes(tmp_path: Path) -> None:
    prepare(GIVEN, tmp_path)
    context = ssl.create_default_context(cafile=tmp_path / "a" / "ca.crt")
    (authority,) = context.get_ca_certs()
    assert authority["version"] == 3
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "broker" / "server.crt", tmp_path / "broker" / "server.key")
