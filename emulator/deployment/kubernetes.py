"""Kubernetes manifests for a scenario: the services of the compose file, as plain manifests in one file.

    Secret NAME-account        password and certificate of a node, of the collector, of an operator
    Secret broker-files        Mosquitto's configuration, certificate, passwords and rules
    Deployment, Service broker
    StatefulSet NODE           one pod, one volume; sees no other's secrets
    StatefulSet collector      log and report; Service page
    NetworkPolicy links        nobody speaks to anybody but the broker, and asks for names

Certificates and passwords are made with the manifests, so the file is as secret as they are. Setups are read from
the image, which every pod pulls from a registry of the user's: a setup is too large for a Secret. For another MQTT 5
broker leave out the broker's Deployment, and let its Service lead there (`type: ExternalName`).

All pods run as a user without rights, on a root file system that they cannot write to.
"""

from __future__ import annotations

from collections.abc import Mapping

from emulator.deployment.compose import USER, Value, yaml_lines
from emulator.deployment.prepare import (
    BROKER,
    COLLECTOR,
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
ACCOUNT = "/var/run/lightlag"
HOME = "/var/lib/lightlag"
BROKER_FOLDER = "/mosquitto/lightlag"
PAGE_PORT = 8080
PART_OF = "app.kubernetes.io/part-of"
NAME = "app.kubernetes.io/name"


def manifests(setup: Setup, image: str, broker_image: str, rate: float) -> str:
    """The text of the manifests, one YAML document after another.

    Args:
        setup: what is run; the image must have been built for it.
        image: of nodes and collector, as the cluster pulls it.
        broker_image: Mosquitto's.
        rate: emulated seconds in a real one.
    """
    passwords = new_passwords(setup)
    ca, certificate, key = certificates((BROKER, "localhost"))
    run = setup.name
    documents: list[Mapping[str, Value]] = [
        _secret(run, f"{user}-account", {"ca.crt": ca, "password": f"{password}\n"})
        for user, password in passwords.items()
    ]
    files = {
        "ca.crt": ca,
        "server.crt": certificate,
        "server.key": key,
        "passwords": "".join(password_line(*each) for each in passwords.items()),
        "acl": "\n".join(access_list(setup, Topics(run))) + "\n",
        "mosquitto.conf": configuration(BROKER_FOLDER),
    }
    documents.append(_secret(run, "broker-files", files))
    documents += [_broker(run, broker_image), _service(run, BROKER, PORT), _only_the_broker(run)]
    documents += [_node(run, image, member.name) for member in setup.members]
    documents += [_collector(run, image, rate), _service(run, COLLECTOR, PAGE_PORT)]
    head = (
        f"# The constellation {run}: kubectl apply -f FILE, then kubectl port-forward service/collector {PAGE_PORT}.\n"
        "# Made by `lightlag compose --kubernetes`. There are passwords and a key in it: keep it to yourself.\n"
    )
    texts = ("\n".join(yaml_lines(document)) for document in documents)
    return head + "\n---\n".join(texts) + "\n"


def _metadata(run: str, name: str) -> dict[str, Value]:
    return {"name": name, "labels": {PART_OF: run, NAME: name}}


def _secret(run: str, name: str, files: Mapping[str, str]) -> Mapping[str, Value]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": _metadata(run, name),
        "type": "Opaque",
        "stringData": dict(files),
    }


def _service(run: str, name: str, port: int) -> Mapping[str, Value]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _metadata(run, name),
        "spec": {
            "selector": {PART_OF: run, NAME: name},
            "ports": [{"port": port, "targetPort": port}],
        },
    }


def _only_the_broker(run: str) -> Mapping[str, Value]:
    everybody: Value = {"matchLabels": {PART_OF: run}}
    broker: Value = {"matchLabels": {PART_OF: run, NAME: BROKER}}
    names: Value = [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": _metadata(run, "links"),
        "spec": {
            "podSelector": everybody,
            "policyTypes": ["Egress"],
            "egress": [
                {"to": [{"podSelector": broker}], "ports": [{"protocol": "TCP", "port": PORT}]},
                {"ports": names},
            ],
        },
    }


def _broker(run: str, image: str) -> Mapping[str, Value]:
    container: dict[str, Value] = {
        "name": BROKER,
        "image": image,
        "command": ["/usr/sbin/mosquitto", "-c", f"{BROKER_FOLDER}/mosquitto.conf"],
        "ports": [{"containerPort": PORT}],
        "readinessProbe": {"tcpSocket": {"port": PORT}, "periodSeconds": 2},
        "resources": _most("256Mi"),
        "volumeMounts": [{"name": "files", "mountPath": BROKER_FOLDER, "readOnly": True}],
    }
    files: Value = {"name": "files", "secret": {"secretName": "broker-files", "defaultMode": 0o440}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _metadata(run, BROKER),
        "spec": {
            "replicas": 1,
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": {PART_OF: run, NAME: BROKER}},
            "template": _pod(run, BROKER, container, [files]),
        },
    }


def _node(run: str, image: str, node: str) -> Mapping[str, Value]:
    alive = f"find {HOME}/alive -newermt '-20 seconds' | grep -q ."
    container: dict[str, Value] = {
        "name": "node",
        "image": image,
        "command": ["python3", "-m", "emulator.constellation.node_process", node],
        "args": [*_account(node), "--folder", HOME],
        "livenessProbe": {
            "exec": {"command": ["sh", "-c", alive]},
            "initialDelaySeconds": 60,
            "periodSeconds": 10,
            "failureThreshold": 5,
        },
        "resources": _most("192Mi"),
    }
    return _with_a_volume(run, node, container, "256Mi")


def _collector(run: str, image: str, rate: float) -> Mapping[str, Value]:
    words = [*_account(COLLECTOR), "--rate", f"{rate:g}", "--page", f"0.0.0.0:{PAGE_PORT}"]
    probe: Value = {"httpGet": {"path": "/healthz", "port": PAGE_PORT}, "periodSeconds": 15}
    container: dict[str, Value] = {
        "name": COLLECTOR,
        "image": image,
        "command": ["lightlag", "collect"],
        "args": [*words, "--patience", "600", "--stay", "--out", f"{HOME}/run"],
        "ports": [{"containerPort": PAGE_PORT}],
        "readinessProbe": probe,
        "resources": _most("2Gi"),
    }
    return _with_a_volume(run, COLLECTOR, container, "2Gi")


def _account(user: str) -> list[str]:
    words = ["--setup", SETUP, "--broker", f"mqtts://{BROKER}:{PORT}", "--user", user]
    return [*words, "--password-file", f"{ACCOUNT}/password", "--ca", f"{ACCOUNT}/ca.crt"]


def _with_a_volume(
    run: str, name: str, container: dict[str, Value], size: str
) -> Mapping[str, Value]:
    mounts: Value = [
        {"name": "account", "mountPath": ACCOUNT, "readOnly": True},
        {"name": "store", "mountPath": HOME},
        {"name": "tmp", "mountPath": "/tmp"},
    ]
    secret: Value = {"secretName": f"{name}-account", "defaultMode": 0o440}
    volumes: list[Value] = [{"name": "account", "secret": secret}, {"name": "tmp", "emptyDir": {}}]
    claim: Value = {
        "metadata": {"name": "store"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": size}},
        },
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": _metadata(run, name),
        "spec": {
            "replicas": 1,
            "serviceName": name,
            "selector": {"matchLabels": {PART_OF: run, NAME: name}},
            "template": _pod(run, name, {**container, "volumeMounts": mounts}, volumes),
            "volumeClaimTemplates": [claim],
        },
    }


def _pod(
    run: str, name: str, container: Mapping[str, Value], volumes: list[Value]
) -> Mapping[str, Value]:
    hardened: Value = {
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }
    user: Value = {
        "runAsNonRoot": True,
        "runAsUser": USER,
        "runAsGroup": USER,
        "fsGroup": USER,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    return {
        "metadata": {"labels": {PART_OF: run, NAME: name}},
        "spec": {
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "securityContext": user,
            "containers": [{**container, "securityContext": hardened}],
            "volumes": volumes,
        },
    }


def _most(memory: str) -> Value:
    return {"requests": {"cpu": "50m", "memory": "96Mi"}, "limits": {"memory": memory}}
