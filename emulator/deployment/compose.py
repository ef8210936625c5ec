"""A compose file for a scenario: a service a node, a broker, a collector, and one that prepares them.

    prepare     once, as root without a network: certificates, passwords and setups into the volumes
    broker      Mosquitto with TLS; a credential and a list of topics for each node
    NODE        one process, one volume; sees no other's
    collector   starts the clock, keeps log and report, serves the page on the host's loopback
    dashboard   the live picture, as an operator; its address with the token is in its log

A container of others in a node's place (`emulator.deployment.peers`) has the node's name, and the node's process is its
gateway: NODE-gateway, on `links` and on a network that it shares with nobody but that container.

The networks: `links` leads nowhere outside; collector and dashboard are on `page` too. Every service but
`prepare` runs as a user without rights on a root file system that it cannot write to.

Good for `docker compose` and `docker-compose` 1.29. It is JSON in YAML's block style: YAML takes
every JSON text for what it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from dtn.errors import BadInput, Fault
from emulator.deployment.peers import FOLDER, Peer
from emulator.deployment.prepare import BROKER, COLLECTOR, OPERATOR, PORT

USER = 10001
HOME = "/var/lib/lightlag"
VOLUMES = "/volumes"
DEFAULT_RATE = "60"
DASHBOARD = "dashboard"

Value = str | int | bool | Sequence["Value"] | Mapping[str, "Value"]

_PREPARED: Value = {"prepare": {"condition": "service_completed_successfully"}}
_BROKER_THERE: Value = {BROKER: {"condition": "service_started"}}
"""Its name can be looked up then; nobody waits until it listens, but tries until it does."""


def compose(name: str, scenario: str, nodes: Sequence[str], peers: Sequence[Peer] = ()) -> str:
    """The text of a compose file.

    Args:
        name: the scenario's.
        scenario: its file, from the folder with the Dockerfile.
        nodes: names of all nodes, in order.
        peers: containers of others in the place of some; the run is in real time then.

    Raises:
        BadInput: a node's name is that of another service.
    """
    check_names(scenario, nodes, peers)
    services: dict[str, Value] = {
        "prepare": _prepare(name, scenario, nodes, peers),
        BROKER: _broker(),
        COLLECTOR: _collector(name, "1" if peers else DEFAULT_RATE),
        DASHBOARD: _dashboard(name),
    }
    of_others = {peer.node: peer for peer in peers}
    for node in nodes:
        peer = of_others.get(node)
        if peer is None:
            services[node] = _node(name, node)
        else:
            services[peer.gateway] = _gateway(name, peer)
            services[node] = _peer(peer)
    networks: dict[str, Value] = {"links": {"internal": True}, "page": {}}
    networks |= {_beside(peer): {"internal": True} for peer in peers}
    document: dict[str, Value] = {
        "services": services,
        "volumes": {volume: {} for volume in _volumes(nodes, peers)},
        "networks": networks,
    }
    options = "".join(f" --peer {peer.words}" for peer in peers)
    head = (
        f"# The constellation of {scenario}: `docker compose up`, then http://localhost:8080.\n"
        f"# Made by `lightlag compose {scenario}{options}`. RATE is emulated seconds in a real one, PAGE_PORT\n"
        "# the page's, DASHBOARD_PORT the dashboard's, PYTHON_BASE and BROKER_BASE the base images.\n"
    )
    return head + "\n".join(yaml_lines(document)) + "\n"


def check_names(scenario: str, nodes: Sequence[str], peers: Sequence[Peer] = ()) -> None:
    """Nodes and services share their names.

    Raises:
        BadInput: a node's name is that of another service.
    """
    services = {BROKER, COLLECTOR, OPERATOR, DASHBOARD, "prepare"}
    services |= {name for peer in peers for name in (peer.gateway, peer.contacts)}
    taken = [node for node in nodes if node in services]
    if taken:
        mend = "is the name of a service: call the node otherwise"
        raise BadInput(*(Fault(scenario, "nodes", node, mend) for node in taken))


def _image(name: str) -> dict[str, Value]:
    """The one that is built for `prepare`, and never looked for elsewhere."""
    return {"image": f"lightlag/{name}", "pull_policy": "never"}


def _volumes(nodes: Sequence[str], peers: Sequence[Peer]) -> list[str]:
    return [BROKER, COLLECTOR, OPERATOR, *nodes, *(peer.contacts for peer in peers)]


def _beside(peer: Peer) -> str:
    """The network of a peer and its gateway."""
    return f"{peer.node}-side"


def _prepare(name: str, scenario: str, nodes: Sequence[str], peers: Sequence[Peer]) -> Value:
    volumes = [f"{volume}:{VOLUMES}/{volume}" for volume in _volumes(nodes, peers)]
    words = ["python3", "-m", "emulator.deployment.prepare", "--setup", "/opt/setup.json"]
    words += ["--into", VOLUMES, "--owner", str(USER)]
    for peer in peers:
        words += ["--peer", peer.words]
    arguments: dict[str, Value] = {
        "PYTHON_BASE": "${PYTHON_BASE:-python:3.11-slim}",
        "SCENARIO": scenario,
    }
    return {
        "image": f"lightlag/{name}",
        "build": {"context": ".", "args": arguments},
        "command": words,
        "user": "0:0",
        "network_mode": "none",
        **_hardened(),
        "cap_add": ["CHOWN", "DAC_OVERRIDE", "FOWNER"],
        "tmpfs": [f"{VOLUMES}:mode=0755"],
        "volumes": volumes,
        "mem_limit": "512m",
    }


def _broker() -> Value:
    listening = f"grep -qi ':{PORT:04X} .* 0A ' /proc/net/tcp /proc/net/tcp6"
    return {
        "image": "${BROKER_BASE:-eclipse-mosquitto:2.0}",
        "command": ["/usr/sbin/mosquitto", "-c", "/mosquitto/lightlag/mosquitto.conf"],
        "user": f"{USER}:{USER}",
        **_hardened(),
        "volumes": [f"{BROKER}:/mosquitto/lightlag:ro"],
        "networks": ["links"],
        "depends_on": _PREPARED,
        "healthcheck": health(listening, 10),
        "restart": "on-failure",
        "mem_limit": "256m",
    }


def _node(name: str, node: str) -> dict[str, Value]:
    words = ["python3", "-m", "emulator.constellation.node_process", node, *_account(node)]
    alive = f"find {HOME}/store/alive -newermt '-20 seconds' | grep -q ."
    return {
        **_image(name),
        "command": [*words, "--folder", f"{HOME}/store"],
        "user": f"{USER}:{USER}",
        **_hardened(),
        "volumes": [f"{node}:{HOME}"],
        "networks": ["links"],
        "depends_on": _BROKER_THERE,
        "healthcheck": health(alive, 10),
        "restart": "on-failure",
        "mem_limit": "192m",
        "pids_limit": 64,
    }


def _gateway(name: str, peer: Peer) -> Value:
    node = _node(name, peer.node)
    words = [
        "python3",
        "-m",
        "emulator.constellation.node_process",
        peer.node,
        *_account(peer.node),
    ]
    return {
        **node,
        "command": [*words, "--folder", f"{HOME}/store", "--attach", f"{HOME}/attach.toml"],
        "volumes": [f"{peer.node}:{HOME}", f"{peer.contacts}:{FOLDER}"],
        "networks": ["links", _beside(peer)],
    }


def _peer(peer: Peer) -> Value:
    """As it is: it may lack rights that it never has, those over the network."""
    return {
        "image": peer.image,
        "environment": peer.environment,
        "cap_drop": ["NET_ADMIN", "NET_RAW"],
        "security_opt": ["no-new-privileges:true"],
        "volumes": [f"{peer.contacts}:{FOLDER}:ro"],
        "networks": [_beside(peer)],
        "depends_on": {peer.gateway: {"condition": "service_started"}},
        "restart": "on-failure",
        "mem_limit": "1g",
    }


def _collector(name: str, rate: str) -> Value:
    words = ["lightlag", "collect", *_account(COLLECTOR)]
    words += ["--rate", f"${{RATE:-{rate}}}", "--page", "0.0.0.0:8080", "--stay"]
    words += ["--seen-at", "http://localhost:${PAGE_PORT:-8080}"]
    asks = "import urllib.request as u; u.urlopen('http://127.0.0.1:8080/healthz', timeout=3)"
    return {
        **_image(name),
        "command": [*words, "--out", f"{HOME}/run"],
        "user": f"{USER}:{USER}",
        **_hardened(),
        "volumes": [f"{COLLECTOR}:{HOME}"],
        "networks": ["links", "page"],
        "ports": ["127.0.0.1:${PAGE_PORT:-8080}:8080"],
        "depends_on": _BROKER_THERE,
        "healthcheck": health(f'python3 -c "{asks}"', 15),
        "restart": "on-failure",
        "stop_grace_period": "1m",
        "mem_limit": "2g",
    }


def _dashboard(name: str) -> Value:
    words = ["lightlag", "dashboard", f"mqtts://{BROKER}:{PORT}"]
    words += _account(OPERATOR, names_broker=False)
    words += ["--seen-at", "http://localhost:${DASHBOARD_PORT:-8640}"]
    asks = "import urllib.request as u; u.urlopen('http://127.0.0.1:8640/', timeout=3)"
    return {
        **_image(name),
        "command": [*words, "--host", "0.0.0.0", "--port", "8640"],
        "user": f"{USER}:{USER}",
        **_hardened(),
        "volumes": [f"{OPERATOR}:{HOME}:ro"],
        "networks": ["links", "page"],
        "ports": ["127.0.0.1:${DASHBOARD_PORT:-8640}:8640"],
        "depends_on": _BROKER_THERE,
        "healthcheck": health(f'python3 -c "{asks}"', 15),
        "restart": "on-failure",
        "mem_limit": "1g",
    }


def _account(user: str, *, names_broker: bool = True) -> list[str]:
    words = ["--setup", f"{HOME}/setup.json"]
    words += ["--broker", f"mqtts://{BROKER}:{PORT}"] if names_broker else []
    words += ["--user", user, "--password-file", f"{HOME}/password"]
    return [*words, "--ca", f"{HOME}/ca.crt"]


def _hardened() -> dict[str, Value]:
    return {
        "read_only": True,
        "tmpfs": ["/tmp"],
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
    }


def health(command: str, interval_s: int) -> Value:
    """A check that a container is well."""
    return {
        "test": ["CMD-SHELL", command],
        "interval": f"{interval_s}s",
        "timeout": "5s",
        "retries": 5,
        "start_period": "30s",
    }


def yaml_lines(value: Mapping[str, Value], depth: int = 0) -> Iterator[str]:
    """Block style for mappings, JSON for the rest."""
    for key, item in value.items():
        if isinstance(item, Mapping) and item:
            yield f"{'  ' * depth}{key}:"
            yield from yaml_lines(item, depth + 1)
        else:
            yield f"{'  ' * depth}{key}: {json.dumps(item)}"


def scenario_path(scenario: Path, context: Path) -> str:
    """The scenario's file as the build sees it.

    Raises:
        BadInput: it is not below the folder with the Dockerfile.
    """
    try:
        return scenario.resolve().relative_to(context.resolve()).as_posix()
    except ValueError:
        mend = f"must be in a folder below {context}, where the Dockerfile is"
        raise BadInput(Fault(str(scenario), "", "", mend)) from None
