"""Runs in an environment of its own, with pyd3tn: makes bundles, or says what it reads in ours. JSON in, JSON out.

Its names for the bits of block flags and report requests are not the RFC's (tests pass raw integers), and ages go in
as seconds.
"""

import json
import sys

from pyd3tn import bundle7


def made(wish):
    """The octets of the bundle that is wished for."""
    wish = dict(wish)
    wish["payload"] = bytes.fromhex(wish["payload"])
    return bundle7.serialize_bundle7(**wish).hex()


def read(text):
    """What a bundle says."""
    bundle = bundle7.Bundle.parse(bytes.fromhex(text))
    primary = bundle.primary_block
    blocks = [*bundle.blocks, bundle.payload_block]
    return {
        "destination": str(primary.destination),
        "source": str(primary.source),
        "report_to": str(primary.report_to),
        "flags": int(primary.bundle_proc_flags),
        "time_ms": round(primary.creation_time[0]),
        "sequence": primary.creation_time[1],
        "lifetime_ms": primary.lifetime,
        "fragment": [primary.fragment_offset, primary.total_payload_length],
        "payload": bundle.payload_block.data.hex(),
        "blocks": [[int(b.block_type), b.block_number, int(b.crc_type)] for b in blocks],
        "crc": [b.crc_provided == b.calculate_crc() for b in (primary, *blocks) if int(b.crc_type)],
    }


if __name__ == "__main__":
    task = json.load(sys.stdin)
    json.dump({"made": [*map(made, task["make"])], "read": [*map(read, task["read"])]}, sys.stdout)
