"""The security table: what is good is followed by every node, what is bad is named, and no key shows."""

from __future__ import annotations

from pathlib import Path

import pytest

import emulator
from dtn.contact_plan import Contact, ContactPlan
from dtn.errors import BadInput
from dtn.events import SecurityOperationFailed
from emulator import scenario as scenarios
from emulator.scenario.reading import json_schema
from emulator.setup import over
from emulator.setup.security import resolve
from tests.emulator.test_scenario import GOOD

MAC = "5e" * 48
AES = "c4" * 32
WRAPPING = "7a" * 16

TABLE = """
[security.keys]
mac = "mac.key"
aes = "aes.key"
wrapping = "wrapping.key"

[[security.rules]]
operation = "integrity"
key = "mac"
from = "base"
to = ["teide"]
traffic = "telemetry"
blocks = ["primary", "payload"]

[[security.rules]]
operation = "confidentiality"
key = "aes"
algorithm = "A256GCM"
"""

# what replaces what, then: key path, part of the value, part of the mend
BAD = [
    ('mac = "mac.key"', 'mac = "mack.key"', "security.keys.mac", "mack.key", "no such file"),
    ('mac = "mac.key"', 'mac = "."', "security.keys.mac", ".", "cannot be read"),
    ('mac = "mac.key"', 'mac = "short.key"', "security.keys.mac", "short.key", "5 octets"),
    ('mac = "mac.key"', 'mac = "prose.key"', "security.keys.mac", "prose.key", "hexadecimal"),
    ('mac = "mac.key"', 'mac = "long.key"', "security.keys.mac", "long.key", "too long"),
    ('mac = "mac.key"', 'mac = "binary.key"', "security.keys.mac", "binary.key", "hexadecimal"),
    ('mac = "mac.key"', "mac = 7", "security.keys.mac", "7", "text in quotes"),
    ('key = "mac"', 'key = "mack"', "security.rules[0].key", "mack", 'did you mean "mac"'),
    ('key = "mac"', 'key = "aes"', "security.rules[0].key", "aes", "needs 48"),
    ('"base"\nto', '"bass"\nto', "security.rules[0].from", "bass", 'did you mean "base"'),
    ('["teide"]', '["tide"]', "security.rules[0].to", "tide", 'did you mean "teide"'),
    ('traffic = "', 'traffic = "x', "security.rules[0].traffic", "xtele", "no such traffic"),
    ('"primary"', '"primray"', "security.rules[0].blocks[0]", "primray", "use one of"),
    ('operation = "i', 'operatoin = "i', "security.rules[0].operatoin", "", 'mean "operation"'),
    ('"A256GCM"', '"HMAC 256/256"', "security.rules[1].algorithm", "HMAC 256/256", "A128GCM"),
    ('"A256GCM"', '"A128GCM"', "security.rules[1].key", "aes", "needs 16"),
    ('"A256GCM"', '"A256GCM"\nblocks = ["primary"]', "security.rules[1].blocks", "", "encrypted"),
    (
        "blocks = [",
        'acceptors = "base"\nblocks = [',
        "security.rules[0].acceptors",
        "base",
        "leave",
    ),
    ('"A256GCM"', '"A256GCM"\nblocks = []', "security.rules[1].blocks", "", "at least 1"),
    ("[security.keys]", "[security.keyes]", "security.keyes", "", 'did you mean "keys"'),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in (
        ("mac", f"# telemetry\n{MAC[:60]}\n{MAC[60:]}\n"),
        ("aes", AES),
        ("wrapping", WRAPPING.upper()),
        ("short", MAC[:10]),
        ("prose", "correct horse battery staple"),
        ("long", MAC * 100),
    ):
        (tmp_path / f"{name}.key").write_text(text)
    (tmp_path / "binary.key").write_bytes(bytes.fromhex(MAC + "ff"))
    return tmp_path


def write(folder: Path, text: str) -> Path:
    path = folder / "secured.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(("old", "new", "key", "value", "mend"), BAD)
def test_bad_input_is_named_with_file_key_value_and_mend(
    folder: Path, old: str, new: str, key: str, value: str, mend: str
) -> None:
    assert old in TABLE
    path = write(folder, GOOD + TABLE.replace(old, new, 1))
    with pytest.raises(BadInput) as bad:
        scenarios.load(path)
    faults = {fault.key: fault for fault in bad.value.faults}
    assert key in faults, faults
    assert (faults[key].file, value in faults[key].value, mend in faults[key].mend) == (
        str(path),
        True,
        True,
    ), faults[key]
    for secret in (MAC[:10], AES[:10], "horse"):
        assert secret not in str(bad.value)


def test_one_key_for_two_operations_is_refused(folder: Path) -> None:
    table = TABLE.replace('key = "mac"', 'key = "wrapping"\nwrapped = true')
    table = table.replace('key = "aes"', 'key = "wrapping"\nwrapped = true')
    with pytest.raises(BadInput, match="a key of its own"):
        scenarios.load(write(folder, GOOD + table))


def test_patterns_and_traffic_are_resolved_and_the_schema_knows_the_table(folder: Path) -> None:
    table = TABLE.replace('from = "base"', 'from = "*"\nverifiers = ["*"]')
    first, second = resolve(scenarios.load(write(folder, GOOD + table)), 10).rules
    assert (first.sources, first.destinations) == ({"teide", "base"}, {"teide"})
    assert (first.services, second.services) == ({"10"}, None)
    assert (first.targets, first.variant, second.variant) == ((0, 1), 6, 3)
    assert first.verifiers == {"teide", "base"}
    assert not second.wrapped
    assert "Rule" in json_schema()["$defs"]


def test_a_run_with_security_delivers_the_same_and_shows_no_key(folder: Path) -> None:
    contact = Contact("base", "teide", 0.0, 80_000.0, 1e5, 1.3)
    back = Contact("teide", "base", 0.0, 80_000.0, 1e5, 1.3)
    plan = ContactPlan([contact, back])
    plain = emulator.run(over(scenarios.load(write(folder, GOOD)), plan))
    loaded = scenarios.load(write(folder, GOOD + TABLE))
    assert MAC not in repr(loaded)
    assert repr(bytes.fromhex(MAC))[2:-1] not in repr(over(loaded, plan))
    secured = emulator.run(over(loaded, plan), out=folder / "out")
    assert secured.summary["bundles"]["sourced"] == plain.summary["bundles"]["sourced"] > 0
    assert secured.summary["bundles"]["delivered"] == plain.summary["bundles"]["delivered"] > 0
    assert not [e for e in secured.log if isinstance(e, SecurityOperationFailed)]
    larger = [after - before for before, after in zip(sizes(plain), sizes(secured), strict=True)]
    assert set(larger) == {262}  # two HMACs, two tags, two IVs and what names them
    for file in (folder / "out").iterdir():
        content = file.read_bytes().lower()
        for secret in (MAC, AES, WRAPPING):
            assert secret[:16].encode() not in content
            assert bytes.fromhex(secret) not in content


def sizes(result: emulator.Result) -> list[int]:
    return [event.size_bytes for event in result.log if type(event).__name__ == "BundleSourced"]
