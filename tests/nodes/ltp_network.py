"""Nodes with LTP between them, in virtual time."""

from small_network import LIGHT_S, SmallNetwork, contact

from dtn.ltp.options import EngineOptions
from nodes.convergence.ltp_options import LtpOptions


def both_ways(start_s, end_s, rate_bps=8000.0, owlt_s=LIGHT_S, ends="ab"):
    a, b = ends
    return [
        contact(a, b, start_s, end_s, rate_bps, owlt_s),
        contact(b, a, start_s, end_s, rate_bps, owlt_s),
    ]


def ltp(segment_bytes=500, **options):
    engine = {
        key: options.pop(key)
        for key in ("max_export_sessions", "checkpoint_limit", "report_limit", "round_limit")
        if key in options
    }
    return LtpOptions(engine=EngineOptions(segment_bytes=segment_bytes, **engine), **options)


def network(contacts, **options):
    seed = options.pop("seed", 1)
    strategy = options.pop("strategy", "direct")
    stores = options.pop("stores", None)
    return SmallNetwork(contacts, ltp=ltp(**options), seed=seed, strategy=strategy, stores=stores)
