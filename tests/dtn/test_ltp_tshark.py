"""A second opinion: Wireshark's dissector reads a session of ours and finds nothing wrong."""

import shutil
import subprocess

import pytest
from ltp_pair import Pair

from dtn.ltp.segment import CancelAck, CancelSegment, DataSegment, ReportSegment, encode_segment


@pytest.mark.skipif(
    not shutil.which("tshark") or not shutil.which("text2pcap"), reason="tshark is not installed"
)
def test_tshark_dissects_a_session_with_losses_reports_and_a_cancellation(tmp_path):
    pair = Pair(lambda segment, nth: [] if nth in (1, 3) else [0.0], segment_bytes=300)
    pair.sides[0].send(bytes(range(256)) * 5, 1, 0.0)
    pair.run()
    pair.sides[0].send(bytes(500), 2, 5000.0, client_service=9)
    pair.run()
    # the dissector passes over segments under five octets, such as acknowledged cancellations
    segments = [segment for _, _, segment in pair.sent if not isinstance(segment, CancelAck)]
    dump = "".join(
        f"0000 {octets.hex(' ')}\n\n" for octets in (encode_segment(one) for one in segments)
    )
    (tmp_path / "dump.txt").write_text(dump)
    subprocess.run(
        ["text2pcap", "-q", "-u", "1113,1113", tmp_path / "dump.txt", tmp_path / "ltp.pcap"],
        check=True,
        capture_output=True,
    )
    fields = ["ltp.type", "ltp.session.number", "_ws.expert.severity", "_ws.malformed"]
    command = ["tshark", "-r", tmp_path / "ltp.pcap", "-T", "fields"]
    for field in fields:
        command += ["-e", field]
    shown = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
    rows = [line.split("\t") for line in shown.splitlines()]
    assert [int(row[0], 16) for row in rows] == [encode_segment(s)[0] for s in segments]
    assert [int(row[1]) for row in rows] == [segment.session.number for segment in segments]
    assert not any("8388608" in row[2] or "6291456" in row[2] or row[3] for row in rows)
    kinds = {type(segment) for segment in segments}
    assert {DataSegment, ReportSegment, CancelSegment} <= kinds
