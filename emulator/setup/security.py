"""From a scenario's `security` table to the rules that agents follow: files read, patterns resolved.

What a key file holds shows nowhere: faults quote its name and how long it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from dtn.bpsec.keys import Key, parse_key
from dtn.bpsec.policy import SecurityRule, check_keys
from dtn.bpsec.structure import CONFIDENTIALITY, INTEGRITY, PRIMARY_NUMBER
from dtn.bundle import BlockType
from dtn.errors import InvalidValue
from emulator.scenario import Scenario
from emulator.scenario.faults import did_you_mean
from emulator.scenario.security import Rule
from nodes.applications.ping import ECHO_SERVICE

Found = tuple[str, object, str]
"""Key path, value, mend."""

_SERVICES = {"integrity": INTEGRITY, "confidentiality": CONFIDENTIALITY}
_ALGORITHMS: dict[str, dict[str, int]] = {
    "integrity": {"HMAC 384/384": 6, "HMAC 256/256": 5, "HMAC 512/512": 7},
    "confidentiality": {"A256GCM": 3, "A128GCM": 1},
}
"""By operation: variants by name, the default first."""
_BLOCKS = {
    "primary": PRIMARY_NUMBER,
    "payload": int(BlockType.PAYLOAD),
    "quality-of-service": int(BlockType.QUALITY_OF_SERVICE),
}
_KEYS_IN_FILE = {"targets": "blocks", "variant": "algorithm"}
_LONGEST_FILE_BYTES = 4096


@dataclass(slots=True)
class Resolved:
    """The rules of a scenario, as far as they are sound, and every fault of the others."""

    rules: list[SecurityRule] = field(default_factory=list)
    faults: list[Found] = field(default_factory=list)


def resolve(scenario: Scenario, first_service: int) -> Resolved:
    """Read the keys and make the rules.

    Args:
        scenario: with its file, beside which key files are looked for.
        first_service: the service of the first flow of traffic; the others follow.
    """
    resolved = Resolved()
    keys: dict[str, Key] = {}
    for name, file in scenario.security.keys.items():
        try:
            keys[name] = _read_key(name, scenario.file.parent / file)
        except InvalidValue as bad:
            mend = f"{bad.value}: {bad.mend}" if bad.value else bad.mend
            resolved.faults.append((f"security.keys.{name}", file, mend))
    for place, rule in enumerate(scenario.security.rules):
        path = f"security.rules[{place}]"
        faults = list(_unknown_names(scenario, rule, path))
        if rule.key not in scenario.security.keys:
            mend = f"no such key: {did_you_mean(rule.key, scenario.security.keys)}"
            faults.append((f"{path}.key", rule.key, mend))
        if not faults and rule.key in keys:
            try:
                made = _rule(scenario, rule, keys[rule.key], first_service)
                check_keys((*resolved.rules, made))
                resolved.rules.append(made)
            except InvalidValue as bad:
                key = _KEYS_IN_FILE.get(bad.key, bad.key)
                faults.append((f"{path}.{key}", getattr(rule, key, bad.value), bad.mend))
        resolved.faults += faults
    return resolved


def _read_key(name: str, path: Path) -> Key:
    try:
        octets = path.read_bytes()
        if len(octets) > _LONGEST_FILE_BYTES:
            raise InvalidValue(name, "", "is no key file: it is too long")
        text = octets.decode("ascii")
    except FileNotFoundError:
        mend = "there is no such file beside the scenario: check its name"
        raise InvalidValue(name, "", mend) from None
    except OSError as fault:
        raise InvalidValue(name, "", f"cannot be read ({fault.strerror})") from None
    except UnicodeDecodeError:
        mend = "write the key as hexadecimal digits, two an octet"
        raise InvalidValue(name, f"{len(octets)} octets", mend) from None
    return parse_key(name, text)


def _rule(scenario: Scenario, rule: Rule, key: Key, first_service: int) -> SecurityRule:
    algorithms = _ALGORITHMS[rule.operation]
    algorithm: str = rule.algorithm or next(iter(algorithms))
    if algorithm not in algorithms:
        mend = f"for {rule.operation} use one of: {', '.join(algorithms)}"
        raise InvalidValue("variant", algorithm, mend)
    names = list(scenario.ipn_numbers())
    return SecurityRule(
        service=_SERVICES[rule.operation],
        key=key,
        variant=algorithms[algorithm],
        targets=tuple(dict.fromkeys(_BLOCKS[block] for block in rule.blocks)),
        wrapped=rule.wrapped,
        sources=_matching(rule.source, names),
        destinations=_matching(rule.destination, names),
        services=_services(scenario, rule, first_service),
        verifiers=_matching(rule.verifiers, names),
        acceptors=_matching(rule.acceptors, names),
    )


def _services(scenario: Scenario, rule: Rule, first_service: int) -> frozenset[str] | None:
    """To which services the flows of a rule go: their own, and for a ping the echo's besides."""
    if rule.traffic is None:
        return None
    services: set[str] = set()
    chosen = _matching(rule.traffic, [flow.name for flow in scenario.traffic])
    for place, flow in enumerate(scenario.traffic):
        if flow.name in chosen:
            services.add(str(first_service + place))
            if flow.application == "ping":
                services.add(ECHO_SERVICE)
    return frozenset(services)


def _unknown_names(scenario: Scenario, rule: Rule, path: str) -> Iterator[Found]:
    nodes = list(scenario.ipn_numbers())
    flows = [flow.name for flow in scenario.traffic]
    for key, given, names, kind in (
        ("from", rule.source, nodes, "node"),
        ("to", rule.destination, nodes, "node"),
        ("verifiers", rule.verifiers, nodes, "node"),
        ("acceptors", rule.acceptors, nodes, "node"),
        ("traffic", rule.traffic or (), flows, "traffic"),
    ):
        for pattern in _patterns(given):
            if not _matching(pattern, names):
                yield f"{path}.{key}", pattern, f"no such {kind}: {did_you_mean(pattern, names)}"


def _patterns(given: str | tuple[str, ...]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else given


def _matching(given: str | tuple[str, ...], names: Iterable[str]) -> frozenset[str]:
    return frozenset(
        name for name in names if any(fnmatchcase(name, pattern) for pattern in _patterns(given))
    )
