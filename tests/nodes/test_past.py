"""What a node's journal says of its bundles, and what a node makes of it when it starts again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from small_network import LIGHT_S, SmallNetwork, contact

from dtn.bundle import BlockType, Bundle, CanonicalBlock, CrcType, CreationTimestamp, PrimaryBlock
from dtn.eid import parse_eid
from dtn.events import (
    BundleDeleted,
    BundleDelivered,
    BundleDuplicate,
    BundleFragmented,
    BundleLost,
    BundleReassembled,
    BundleReceived,
    Event,
    TransferFinished,
)
from dtn.store import MemoryStore
from emulator.constellation.journal import Journal
from nodes.past import Past

GOT = BundleReceived(1.0, "b", "x", "a", 10)
DELIVERED = BundleDelivered(1.0, "b", "x", "1")


@pytest.mark.parametrize(
    ("events", "held", "delivered", "gone"),
    [
        ([GOT], ["x"], set(), set()),
        ([GOT, TransferFinished(2.0, "b", "x", "c")], [], set(), set()),
        ([GOT, DELIVERED], [], {"x"}, {"x"}),
        ([GOT, DELIVERED, GOT, BundleDuplicate(3.0, "b", "x", "a")], [], {"x"}, {"x"}),
        ([GOT, GOT, BundleDuplicate(3.0, "b", "x", "a")], ["x"], set(), set()),
        ([GOT, BundleDeleted(2.0, "b", "x", 1)], [], set(), {"x"}),
        ([GOT, BundleDeleted(2.0, "b", "x", 1), GOT], ["x"], set(), set()),
        ([GOT, BundleFragmented(2.0, "b", "x", ("y", "z"))], ["y", "z"], set(), {"x"}),
        (
            [
                BundleReceived(1.0, "b", "y", "a", 10),
                BundleReceived(1.0, "b", "z", "a", 10),
                BundleReassembled(1.0, "b", "x", ("y", "z")),
                DELIVERED,
            ],
            [],
            {"x"},
            {"x", "y", "z"},
        ),
    ],
)
def test_the_past_says_what_is_here_what_is_done_with_and_what_was_delivered(
    events: list[Event], held: list[str], delivered: set[str], gone: set[str], tmp_path: Path
) -> None:
    journal = Journal(tmp_path / "journal", "topic")
    for event in events:
        journal.append(event)
    for past in (Past(events), journal.past()):
        assert list(past.held) == held
        assert past.delivered == delivered
        assert past.gone == gone
    journal.close()


def a_bundle(number: int) -> Bundle:
    payload = CanonicalBlock(BlockType.PAYLOAD, 1, 0, CrcType.CRC32C, b"payload")
    primary = PrimaryBlock(
        destination=parse_eid("ipn:2.1"),
        source=parse_eid("ipn:1.1"),
        report_to=parse_eid("ipn:1.1"),
        flags=0,
        crc_type=CrcType.CRC32C,
        creation=CreationTimestamp(1000, number),
        lifetime_ms=100_000,
    )
    return Bundle(primary, (payload,))


def test_after_a_restart_nothing_is_delivered_twice_and_what_the_store_never_had_is_lost() -> None:
    kept, delivered, lost = (a_bundle(number) for number in range(3))
    store = MemoryStore()
    for ref, bundle in enumerate((kept, delivered), 1):
        store.put(ref, bundle, 0.0, lambda ref, is_stored: None)
    past = Past(
        [
            *(BundleReceived(0.0, "b", str(each.id), "a", 10) for each in (kept, delivered, lost)),
            BundleDelivered(0.0, "b", str(delivered.id), "1"),  # and killed before the commit
        ]
    )
    network = SmallNetwork([contact("a", "b", 0.0, 10.0)], stores={"b": lambda: store})
    node = network.nodes["b"]
    node.restore(0.0, past)
    node.register(network.receivers["b"])
    # its sender was never told that it came, and sends it again
    network.loop.schedule(1.0, lambda: node.received(delivered, "a", 1.0, 10, LIGHT_S))
    network.run()
    assert [event.bundle for event in network.of(BundleDelivered)] == [str(kept.id)]
    assert [event.bundle for event in network.of(BundleDuplicate)] == [str(delivered.id)]
    assert [event.bundle for event in network.of(BundleLost)] == [str(lost.id)]
    assert network.receivers["b"].bundles == 1
    assert len(store) == 0


FILLS_THE_DISK = """
import resource, sys
from pathlib import Path
from dtn.errors import BadInput
from dtn.events import NodeUp
from emulator.constellation.journal import Journal
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
journal = Journal(Path(sys.argv[1]), "topic")
try:
    while True:
        journal.append(NodeUp(1.0, "a"))
except BadInput as full:
    print(journal.count, full)
"""


def test_a_full_disk_leaves_whole_lines_and_is_said(tmp_path: Path) -> None:
    file = tmp_path / "journal.jsonl"
    done = subprocess.run(
        [sys.executable, "-c", FILLS_THE_DISK, str(file)],
        capture_output=True,
        text=True,
        check=True,
    )
    count, said = done.stdout.split(maxsplit=1)
    assert "cannot be written (File too large): make room" in said
    lines = file.read_text().splitlines(keepends=True)
    assert len(lines) == int(count) > 10
    assert all(line.endswith("}\n") for line in lines)
    journal = Journal(file, "topic")
    assert journal.count == len(lines)
    journal.close()
