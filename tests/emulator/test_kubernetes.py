"""Kubernetes manifests: what they are is for Kubernetes' own schemas to say, what is in them for these tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dtn.contact_plan import Contact, ContactPlan
from emulator.cli import main
from emulator.deployment.kubernetes import manifests
from emulator.setup import Member, Setup

yaml = pytest.importorskip("yaml", reason="PyYAML is not installed: pip install -e '.[manifests]'")

Document = dict[str, Any]
SCENARIO = Path(__file__).parents[2] / "scenarios" / "earth-moon.toml"
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


def documents() -> dict[tuple[str, str], Document]:
    text = manifests(SETUP, "registry.example/three:1", "eclipse-mosquitto:2.0", 60.0)
    return {(each["kind"], each["metadata"]["name"]): each for each in yaml.safe_load_all(text)}


def pods() -> dict[str, Document]:
    found = documents().items()
    workloads = {
        name: each for (kind, name), each in found if kind in ("Deployment", "StatefulSet")
    }
    return {name: each["spec"]["template"]["spec"] for name, each in workloads.items()}


@pytest.mark.slow
def test_kubernetes_own_schemas_take_them_strictly() -> None:
    validator = pytest.importorskip("kubernetes_validate")
    for document in documents().values():
        for version in ("1.25.0", validator.latest_version()):
            validator.validate(document, version, strict=True)


def test_there_is_a_pod_a_node_a_broker_and_a_collector_and_none_has_rights() -> None:
    found = pods()
    assert set(found) == {"a", "b", "c", "broker", "collector"}
    for pod in found.values():
        (container,) = pod["containers"]
        assert container["securityContext"]["readOnlyRootFilesystem"]
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert pod["securityContext"]["runAsNonRoot"]
        assert not pod["automountServiceAccountToken"]
        assert "memory" in container["resources"]["limits"]


def test_a_pod_mounts_its_own_secret_and_no_other_s_and_every_one_is_there() -> None:
    there = {name for kind, name in documents() if kind == "Secret"}
    for name, pod in pods().items():
        mounted = [each["secret"]["secretName"] for each in pod["volumes"] if "secret" in each]
        assert mounted == ["broker-files" if name == "broker" else f"{name}-account"]
        assert set(mounted) <= there
    assert "operator-account" in there


def test_a_password_stands_in_its_own_secret_only() -> None:
    found = documents()
    password = found["Secret", "a-account"]["stringData"]["password"].strip()
    rest = {key: each for key, each in found.items() if key != ("Secret", "a-account")}
    assert len(password) >= 24
    assert password not in repr(rest)


def test_services_lead_to_pods_and_nobody_speaks_to_anybody_but_the_broker() -> None:
    found = documents()
    for name, port in (("broker", 8883), ("collector", 8080)):
        service = found["Service", name]["spec"]
        kind = "Deployment" if name == "broker" else "StatefulSet"
        labels = found[kind, name]["spec"]["template"]["metadata"]["labels"]
        assert service["selector"].items() <= labels.items()
        (container,) = found[kind, name]["spec"]["template"]["spec"]["containers"]
        assert service["ports"][0]["targetPort"] == container["ports"][0]["containerPort"] == port
    to_broker, names = found["NetworkPolicy", "links"]["spec"]["egress"]
    assert to_broker["to"][0]["podSelector"]["matchLabels"]["app.kubernetes.io/name"] == "broker"
    assert [port["port"] for port in names["ports"]] == [53, 53]


def test_the_command_writes_a_file_for_its_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "moon.yml"
    main_ends_well(["compose", str(SCENARIO), "--kubernetes", "--image", "x/moon", "-o", str(file)])
    assert file.stat().st_mode & 0o777 == 0o600
    assert 'image: "x/moon"' in file.read_text() or '"image": "x/moon"' in file.read_text()


def main_ends_well(words: list[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 0
