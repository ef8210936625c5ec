"""A stack for Docker Swarm: the services of the compose file on as many machines as the swarm has.

One file cannot be both. A stack refuses what compose needs to keep its promises (`depends_on` with conditions,
`mem_limit`, `pids_limit`, `pull_policy`), docker-compose 1.29 ignores or refuses what a stack has for them (`deploy`),
and a service that fills volumes for the others, as compose's `prepare` does, fills those of its own machine only. So

    setups       are read from the image, which every machine pulls from a registry of the user's
    passwords    and certificates are secrets of the swarm, made with the file, in a folder beside it
    volumes      keep a node's store, on the machine where it runs
    names        lead to the container itself: there is one of each, and nothing to balance
    nobody       waits for anybody's health: who comes first asks for the broker until it is there

A swarm publishes ports on every address of the machine where the service runs, and does not know
`no-new-privileges`; all else that bounds a container is as in compose: no capabilities, a user without rights, a root
file system that it cannot write to, limits of memory and processes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from emulator.deployment.compose import DASHBOARD, DEFAULT_RATE, USER, Value, health, yaml_lines
from emulator.deployment.prepare import (
    BROKER,
    COLLECTOR,
    OPERATOR,
    PORT,
    access_list,
    certificates,
    configuration,
    new_passwords,
    password_line,
)
from emulator.setup import Setup
from nodes.channel.topics import Topics

SETUP = "/opt/setup.json"
HOME = "/var/lib/lightlag"
ACCOUNT = "/var/run/lightlag"
BROKER_FOLDER = "/mosquitto/lightlag"


class Stack(NamedTuple):
    """A stack's file, and the files of its secrets by name, which lie in a folder beside it."""

    text: str
    secrets: dict[str, str]


def stack(setup: Setup, image: str, broker_image: str, folder: str) -> Stack:
    """A stack of a setup.

    Args:
        setup: what is run; the image must have been built for it.
        image: of nodes and collector, as the machines pull it.
        broker_image: Mosquitto's.
        folder: of the secrets, from the file's.
    """
    passwords = new_passwords(setup)
    ca, certificate, key = certificates((BROKER, "localhost"))
    files = {
        "ca.crt": ca,
        "server.crt": certificate,
        "server.key": key,
        "passwords": "".join(password_line(*each) for each in passwords.items()),
        "acl": "\n".join(access_list(setup, Topics(setup.name))) + "\n",
        "mosquitto.conf": configuration(BROKER_FOLDER),
    }
    secrets = files | {f"{user}.password": f"{word}\n" for user, word in passwords.items()}
    services: dict[str, Value] = {
        BROKER: _broker(broker_image, sorted(files)),
        COLLECTOR: _collector(image),
        DASHBOARD: _dashboard(image),
    }
    services |= {member.name: _node(image, member.name) for member in setup.members}
    document: dict[str, Value] = {
        "services": services,
        "volumes": {name: {} for name in (COLLECTOR, *(member.name for member in setup.members))},
        "networks": {
            "links": {"driver": "overlay", "internal": True},
            "page": {"driver": "overlay"},
        },
        "secrets": {name: {"file": f"./{folder}/{name}"} for name in secrets},
    }
    head = (
        f"# The constellation {setup.name} as a stack: docker stack deploy -c FILE NAME, then port 8080 of the\n"
        "# machine where the collector runs. Made by `lightlag compose --swarm`, with the secrets in the folder\n"
        "# beside it: keep that to yourself. RATE is emulated seconds in a real one, PAGE_PORT and DASHBOARD_PORT\n"
        "# the pages'.\n"
    )
    return Stack(head + "\n".join(yaml_lines(document)) + "\n", secrets)


def _secret(name: str, target: str) -> Value:
    return {"source": name, "target": target, "uid": f"{USER}", "gid": f"{USER}", "mode": 0o440}


def _service(
    image: str, command: Sequence[str], memory: str, check: str, interval_s: int
) -> dict[str, Value]:
    return {
        "image": image,
        "command": command,
        "user": f"{USER}:{USER}",
        "read_only": True,
        "tmpfs": ["/tmp"],
        "cap_drop": ["ALL"],
        "networks": ["links"],
        "healthcheck": health(check, interval_s),
        "deploy": {
            "replicas": 1,
            "endpoint_mode": "dnsrr",
            "restart_policy": {"condition": "on-failure", "delay": "2s"},
            "update_config": {"order": "stop-first"},
            "resources": {"limits": {"memory": memory, "pids": 128}},
        },
    }


def _broker(image: str, files: Sequence[str]) -> Value:
    command = ["/usr/sbin/mosquitto", "-c", f"{BROKER_FOLDER}/mosquitto.conf"]
    listening = f"grep -qi ':{PORT:04X} .* 0A ' /proc/net/tcp /proc/net/tcp6"
    secrets = [_secret(name, f"{BROKER_FOLDER}/{name}") for name in files]
    return {**_service(image, command, "256M", listening, 10), "secrets": secrets}


def _node(image: str, node: str) -> Value:
    command = ["python3", "-m", "emulator.constellation.node_process", node, *_account(node)]
    alive = f"find {HOME}/store/alive -newermt '-20 seconds' | grep -q ."
    return {
        **_service(image, [*command, "--folder", f"{HOME}/store"], "192M", alive, 10),
        **_with_account(node),
        **_with_volume(node),
    }


def _collector(image: str) -> Value:
    command = ["lightlag", "collect", *_account(COLLECTOR), "--rate", f"${{RATE:-{DEFAULT_RATE}}}"]
    command += ["--page", "0.0.0.0:8080", "--patience", "600", "--stay", "--out", f"{HOME}/run"]
    return {
        **_service(image, command, "2G", _asks("8080/healthz"), 15),
        **_with_account(COLLECTOR),
        **_with_volume(COLLECTOR),
        **_published(8080, "PAGE_PORT"),
        "stop_grace_period": "1m",
    }


def _dashboard(image: str) -> Value:
    command = ["lightlag", "dashboard", f"mqtts://{BROKER}:{PORT}"]
    command += _account(OPERATOR, names_broker=False)
    return {
        **_service(
            image, [*command, "--host", "0.0.0.0", "--port", "8640"], "1G", _asks("8640/"), 15
        ),
        **_with_account(OPERATOR),
        **_published(8640, "DASHBOARD_PORT"),
    }


def _account(user: str, *, names_broker: bool = True) -> list[str]:
    words = ["--setup", SETUP]
    words += ["--broker", f"mqtts://{BROKER}:{PORT}"] if names_broker else []
    words += ["--user", user, "--password-file", f"{ACCOUNT}/password"]
    return [*words, "--ca", f"{ACCOUNT}/ca.crt"]


def _with_account(user: str) -> Mapping[str, Value]:
    account = {f"{user}.password": "password", "ca.crt": "ca.crt"}
    return {"secrets": [_secret(name, f"{ACCOUNT}/{file}") for name, file in account.items()]}


def _with_volume(name: str) -> Mapping[str, Value]:
    return {"volumes": [{"type": "volume", "source": name, "target": HOME}]}


def _published(port: int, variable: str) -> Mapping[str, Value]:
    published = f"${{{variable}:-{port}}}"
    ports: Value = [{"target": port, "published": published, "mode": "host"}]
    return {"networks": ["links", "page"], "ports": ports}


def _asks(what: str) -> str:
    return f"python3 -c \"import urllib.request as u; u.urlopen('http://127.0.0.1:{what}', timeout=3)\""
