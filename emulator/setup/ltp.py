"""From a scenario's `ltp` table to the options of the convergence layer: losses of links, key files read.

What a key file holds shows nowhere: faults quote its name and how long it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

from dtn.errors import InvalidValue
from dtn.ltp.authentication import HMAC_SHA1_80, NULL, RSA_SHA256
from dtn.ltp.options import LEAST_SEGMENT_BYTES, EngineOptions
from emulator.scenario import Scenario
from emulator.scenario.faults import did_you_mean
from nodes.convergence.ltp_options import LtpAuthentication, LtpOptions

Found = tuple[str, object, str]
"""Key path, value, mend."""

SUITES = {"HMAC-SHA1-80": HMAC_SHA1_80, "RSA-SHA256": RSA_SHA256, "NULL": NULL}
LEAST_HMAC_BYTES = 16
_LONGEST_FILE_BYTES = 16_384


class Resolved(NamedTuple):
    """How bundles travel in LTP blocks, and every fault of what the scenario says of it."""

    options: LtpOptions
    faults: tuple[Found, ...]


def ltp_options(scenario: Scenario) -> LtpOptions:
    """How bundles travel in LTP blocks, of a scenario without faults."""
    return resolve(scenario).options


def resolve(scenario: Scenario) -> Resolved:
    """Read the keys and make the options.

    Args:
        scenario: with its file, beside which key files are looked for.
    """
    table = scenario.ltp
    losses = {}
    for link in scenario.links:
        a, b = link.between
        losses[a, b] = losses[b, a] = link.frame_loss
    authentication, faults = _authentication(scenario)
    options = LtpOptions(
        engine=EngineOptions(
            segment_bytes=table.segment_bytes,
            max_export_sessions=table.max_export_sessions,
            checkpoint_limit=table.checkpoint_limit,
            report_limit=table.report_limit,
            cancel_limit=table.cancel_limit,
            round_limit=table.round_limit,
        ),
        aggregation_bytes=table.aggregation_bytes or 0,
        aggregation_s=table.aggregation_s,
        aal_s=table.anticipated_latency_s,
        frame_loss=table.frame_loss,
        frame_losses=losses,
        authentication=authentication,
    )
    return Resolved(options, tuple(faults))


def _authentication(scenario: Scenario) -> tuple[LtpAuthentication | None, list[Found]]:
    name, files = scenario.ltp.authentication, scenario.ltp.authentication_keys
    path = "ltp.authentication_keys"
    if name is None or SUITES[name] == NULL:
        mend = "is for HMAC-SHA1-80 and RSA-SHA256: name one as ltp.authentication"
        return LtpAuthentication(suite=NULL) if name else None, [(path, "", mend)] if files else []
    suite = SUITES[name]
    nodes = list(scenario.ipn_numbers())
    keys: dict[str, bytes] = {}
    faults: list[Found] = []
    for pattern, file in files.items():
        matching = [node for node in nodes if fnmatchcase(node, pattern)]
        if not matching:
            mend = f"no such node: {did_you_mean(pattern, nodes)}"
            faults.append((f'{path}."{pattern}"', file, mend))
        try:
            octets = _read(scenario.file.parent / file, suite)
        except InvalidValue as bad:
            mend = f"{bad.value}: {bad.mend}" if bad.value else bad.mend
            faults.append((f'{path}."{pattern}"', file, mend))
            octets = b""
        for node in matching:
            keys.setdefault(node, octets)
    faults += _without_key(path, nodes, keys)
    made = LtpAuthentication(suite=suite, keys=keys)
    if not faults:
        faults += _too_short_segments(scenario, made, nodes)
    return None if faults else made, faults


def _without_key(path: str, nodes: list[str], keys: dict[str, bytes]) -> Iterator[Found]:
    missing = [node for node in nodes if node not in keys]
    if missing:
        mend = 'has no key: give each node one, or all the same by { "*" = "FILE" }'
        yield path, ", ".join(missing[:5]), mend


def _too_short_segments(
    scenario: Scenario, made: LtpAuthentication, nodes: list[str]
) -> Iterator[Found]:
    overhead_bytes = max(made.between(node, node).overhead_bytes for node in nodes)
    least_bytes = LEAST_SEGMENT_BYTES + overhead_bytes
    if scenario.ltp.segment_bytes < least_bytes:
        mend = f"authentication needs segments of at least {least_bytes} B"
        yield "ltp.segment", scenario.ltp.segment_bytes, mend


def _read(path: Path, suite: int) -> bytes:
    """The octets of a key file, checked.

    Raises:
        InvalidValue: it cannot be read, or holds no key of this suite.
    """
    try:
        octets = path.read_bytes()
    except FileNotFoundError:
        mend = "there is no such file beside the scenario: check its name"
        raise InvalidValue("key", "", mend) from None
    except OSError as fault:
        raise InvalidValue("key", "", f"cannot be read ({fault.strerror})") from None
    if len(octets) > _LONGEST_FILE_BYTES:
        raise InvalidValue("key", "", "is no key file: it is too long")
    if suite == RSA_SHA256:
        LtpAuthentication(suite=suite, keys={"": octets}).of("")
        if b"PRIVATE KEY" not in octets:
            mend = "is a public key: a node signs with its private one"
            raise InvalidValue("key", "", mend)
        return octets
    lines = octets.decode("ascii", "replace").splitlines()
    digits = "".join("".join(li for li in lines if not li.lstrip().startswith("#")).split())
    try:
        key = bytes.fromhex(digits)
    except ValueError:
        mend = "write the key as hexadecimal digits, two an octet"
        raise InvalidValue("key", f"{len(digits)} characters", mend) from None
    if len(key) < LEAST_HMAC_BYTES:
        mend = f"an HMAC key needs {LEAST_HMAC_BYTES} octets or more"
        raise InvalidValue("key", f"{len(key)} octets", mend)
    return key
