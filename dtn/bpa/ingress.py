"""Ingress: what must not come in from another node, however well-formed it is.

`ipn:!.N` means "this node" wherever it is read. A bundle from or for it that came in from outside names two nodes at
once, and could pass for one of our own (RFC 9758 section 5.4).
"""

from __future__ import annotations

from dtn.bundle import Bundle
from dtn.errors import MalformedBundle


def check_ingress(bundle: Bundle) -> None:
    """Judge a bundle that came in.

    Raises:
        MalformedBundle: layer ingress.
    """
    primary = bundle.primary
    if primary.source.is_local_node:
        raise MalformedBundle("ingress", f"its source, {primary.source}, is this node (9758 5.4)")
    if primary.destination.is_local_node:
        raise MalformedBundle(
            "ingress", f"its destination, {primary.destination}, is this node (9758 5.4)"
        )
