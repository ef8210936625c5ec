"""What others say about our bundles: Wireshark's dissector, and pyd3tn in an environment of its own.

Both have faults, which docs say and these tests step around: tshark knows nothing of the rules and takes six items in
a status report for an error; pyd3tn reads only the blocks of RFC 9171 and checks no CRC by itself.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import venv
from collections.abc import Sequence
from pathlib import Path

import pytest

from dtn.administrative_record import encode as encode_record
from dtn.administrative_record import report_about
from dtn.bundle import BundleFlag, CanonicalBlock, FragmentField
from dtn.codec import decode, encode
from dtn.eid import parse_eid
from dtn.errors import MalformedBundle
from dtn.extension_blocks import encode_bundle_age, encode_hop_count, encode_previous_node
from dtn.fragmentation import fragment
from tests.dtn.bundles import VECTORS, a_bundle

pytestmark = pytest.mark.slow

TSHARK, TEXT2PCAP = shutil.which("tshark"), shutil.which("text2pcap")
HERE = Path(__file__).parent
PYD3TN = "0.15.2"
ENVIRONMENT = HERE.parent.parent / ".cache" / f"pyd3tn-{PYD3TN}"
WARNING, ERROR = 6291456, 8388608
UNDISSECTED = "Unknown type code"
"""The dissector's word about a payload that it has no dissector for."""


def corpus() -> list[bytes]:
    """Bundles of ours with every block, flag and form that has a name, and a few hundred at random."""
    rng = random.Random(9171)
    blocks = (
        CanonicalBlock(6, 2, 0, 1, encode_previous_node(parse_eid("ipn:977000.5.0"))),
        CanonicalBlock(7, 3, 1, 2, encode_bundle_age(86_400_000)),
        CanonicalBlock(10, 4, 16, 0, encode_hop_count(255, 30)),
    )
    eids = ("ipn:1.0", "ipn:977000.100.7", "dtn://moon-base/ping", "ipn:4294967294.1")
    made = []
    for number in range(300):
        size = rng.choice((0, 1, 23, 24, 255, 256, 1000, 70_000))
        some = rng.sample(blocks, rng.randint(0, 3))
        place = rng.randint(0, 5)
        made.append(
            a_bundle(
                rng.randbytes(size),
                *some,
                source=rng.choice(eids),
                destination=rng.choice(eids),
                report_to=rng.choice((*eids, "dtn:none")),
                flags=rng.choice((0, 4, 0x20, 0x40, 0x4000, 0x10000, 0x20000, 0x40000)),
                crc_type=rng.choice((1, 2)),
                payload_crc=rng.randint(0, 2),
                time_ms=849_312_000_000 + number,
                sequence=rng.choice((0, 23, 24, 2**32)),
                fragment=FragmentField(place, place + size + 7) if rng.random() < 0.3 else None,
            )
        )
    made += fragment(a_bundle(bytes(5000), *blocks, crc_type=2), 700)
    return [encode(bundle) for bundle in made]


# --- tshark -----------------------------------------------------------------------------------------


def dissected(octets: Sequence[bytes], folder: Path, severity: int = ERROR) -> list[list[str]]:
    """The dissector's complaints about each bundle: one frame each, read as bpv7."""
    if TSHARK is None or TEXT2PCAP is None:
        pytest.skip("tshark and text2pcap are not installed (apt-get install tshark)")
    dump, capture = folder / "bundles.txt", folder / "bundles.pcap"
    lines = []
    for each in octets:
        rows = range(0, len(each), 16)
        lines += [f"{at:06x} {each[at : at + 16].hex(' ')}\n" for at in rows]
        lines.append("\n")
    dump.write_text("".join(lines))
    command = [TEXT2PCAP, "-q", "-l", "147", str(dump), str(capture)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    fields = ["frame.number", "_ws.expert.severity", "_ws.expert.message"]
    told = subprocess.run(
        [
            TSHARK,
            *("-o", 'uat:user_dlts:"User 0 (DLT=147)","bpv7","0","","0",""'),
            *("-r", str(capture), "-T", "fields", "-E", "aggregator=|"),
            *(part for field in fields for part in ("-e", field)),
        ],
        check=True,
        capture_output=True,
        text=True,
        timeout=300,
    )
    frames = [line.split("\t") for line in told.stdout.splitlines()]
    assert len(frames) == len(octets)
    errors = []
    for _, severities, messages in frames:
        pairs = zip(severities.split("|"), messages.split("|"), strict=False)
        errors.append([m for s, m in pairs if s and int(s) >= severity and UNDISSECTED not in m])
    return errors


@pytest.mark.row("A1", "A2", "C4", "D2")
def test_wireshark_reads_our_bundles_without_error(tmp_path: Path) -> None:
    octets = [each for each in corpus() if len(each) < 60_000]
    assert len(octets) > 250
    assert [told for told in dissected(octets, tmp_path) if told] == []


@pytest.mark.row("J2", "J3", "J6")
def test_wireshark_reads_our_status_reports_without_error(tmp_path: Path) -> None:
    subjects = [a_bundle(flags=0x40), a_bundle()]
    reports = [
        a_bundle(
            encode_record(report_about(subject, 849_312_000_000, reason=reason, **{what: True})),
            flags=BundleFlag.ADMINISTRATIVE_RECORD,
        )
        for subject in subjects
        for what in ("received", "forwarded", "delivered", "deleted")
        for reason in (0, 1, 11)
    ]
    assert [told for told in dissected([*map(encode, reports)], tmp_path) if told] == []


def test_wireshark_finds_the_faults_that_we_find(tmp_path: Path) -> None:
    """Broken CRCs: it and we refuse the same ones (a dissector that never complains is no second opinion)."""
    sound = [encode(a_bundle(bytes(50), crc_type=crc, payload_crc=crc)) for crc in (1, 2)]
    broken = []
    for each in sound:
        for at in (8, len(each) - 3, len(each) - 10):
            octets = bytearray(each)
            octets[at] ^= 1
            broken.append(bytes(octets))
    for octets in broken:
        with pytest.raises(MalformedBundle):
            decode(octets)
    assert all(dissected(broken, tmp_path, WARNING))
    assert not any(dissected(sound, tmp_path, WARNING))


def test_wireshark_and_we_agree_on_the_bundles_of_others(tmp_path: Path) -> None:
    vectors = [v for v in VECTORS["bundles"] if v.get("expect") == "accept"]
    octets = [bytes.fromhex(vector["hex"]) for vector in vectors]
    for each in octets:
        decode(each, rules=False)
    assert [told for told in dissected(octets, tmp_path) if told] == []


# --- pyd3tn -----------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def pyd3tn() -> Path:
    """The Python of an environment with pyd3tn in it; made once, kept in .cache."""
    python = ENVIRONMENT / "bin" / "python"
    if not (ENVIRONMENT / "installed").exists():
        try:
            venv.create(ENVIRONMENT, with_pip=True, clear=True)
            install = [str(python), "-m", "pip", "install", "-q", f"pyd3tn=={PYD3TN}"]
            subprocess.run(install, check=True, capture_output=True, timeout=300)
        except (OSError, subprocess.SubprocessError) as fault:
            pytest.skip(f"pyd3tn {PYD3TN} cannot be installed here: {fault}")
        (ENVIRONMENT / "installed").touch()
    return python


def ask(python: Path, **task: list[object]) -> dict[str, list[object]]:
    """Give the driver its task."""
    done = subprocess.run(
        [str(python), str(HERE / "pyd3tn_driver.py")],
        input=json.dumps({"make": [], "read": [], **task}),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.row("A1", "A2", "C4", "D2")
def test_pyd3tn_reads_in_our_bundles_what_we_wrote(pyd3tn: Path) -> None:
    octets = corpus()
    for each, said in zip(octets, ask(pyd3tn, read=[o.hex() for o in octets])["read"], strict=True):
        ours = decode(each)
        primary = ours.primary
        fields = ("destination", "source", "report_to")
        assert [said[f] for f in fields] == [_as_they_say(getattr(primary, f)) for f in fields]
        assert (said["flags"], said["lifetime_ms"]) == (primary.flags, primary.lifetime_ms)
        assert (said["time_ms"], said["sequence"]) == tuple(primary.creation)
        assert said["fragment"] == list(primary.fragment or (None, None))
        assert bytes.fromhex(said["payload"]) == ours.payload
        # it puts blocks in an order of its own
        assert sorted(said["blocks"]) == sorted([b.type, b.number, b.crc_type] for b in ours.blocks)
        assert all(said["crc"])


def _as_they_say(eid: object) -> str:
    """An endpoint as pyd3tn prints it: two encoded numbers are two printed ones."""
    elements = getattr(eid, "elements", 0)
    if elements == 2:
        return f"ipn:{eid.node}.{eid.service_number}"  # type: ignore[attr-defined]
    return str(eid)


@pytest.mark.row("A1", "A2", "C4", "D2")
def test_we_read_in_the_bundles_of_pyd3tn_what_was_wished_for(pyd3tn: Path) -> None:
    rng = random.Random(7)
    wishes: list[dict[str, object]] = []
    for number in range(200):
        wish: dict[str, object] = {
            "source_eid": rng.choice(("ipn:5.1", "dtn://earth/x")),
            "destination_eid": rng.choice(("ipn:977000.6.2", "dtn://mars/y", "ipn:1.0")),
            "report_to_eid": rng.choice((None, "ipn:5.0")),
            "payload": rng.randbytes(rng.choice((0, 5, 300, 5000))).hex(),
            "crc_type_primary": rng.choice((1, 2)),
            "crc_type_canonical": rng.choice((0, 1, 2)),
            "creation_timestamp": 1_800_000_000 + number,
            "sequence_number": number,
            "lifetime": rng.choice((1, 86_400)),
            "flags": rng.choice((0, 4, 0x20, 0x20040)),
            "hop_limit": rng.choice((None, 30)),
            "bundle_age": rng.choice((None, 0, 12)),
            "previous_node_eid": rng.choice((None, "dtn://relay/", "ipn:9.0")),
        }
        wishes.append(wish)
    for wish, text in zip(wishes, ask(pyd3tn, make=list(wishes))["made"], strict=True):
        octets = bytes.fromhex(str(text))
        bundle = decode(octets)
        primary = bundle.primary
        assert encode(bundle) == octets
        assert str(primary.source) == wish["source_eid"]
        assert str(primary.destination) == wish["destination_eid"]
        assert str(primary.report_to) == (wish["report_to_eid"] or "dtn:none")
        assert bundle.payload.hex() == wish["payload"]
        assert (primary.flags, primary.creation.sequence) == (
            wish["flags"],
            wish["sequence_number"],
        )
        assert (
            primary.creation.time_ms == (int(str(wish["creation_timestamp"])) - 946_684_800) * 1000
        )
        assert primary.lifetime_ms == int(str(wish["lifetime"])) * 1000
        kinds = {6: "previous_node_eid", 7: "bundle_age", 10: "hop_limit"}
        for kind, name in kinds.items():
            assert (bundle.block(kind) is None) == (wish[name] is None)
