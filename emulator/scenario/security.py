"""The `security` table: keys, and the operations that bundles have (RFC 9172, 9173).

    [security.keys]                     # a name, and a file beside the scenario with the key in hexadecimal
    telemetry = "keys/telemetry.key"

    [[security.rules]]
    operation = "integrity"             # or "confidentiality"
    key = "telemetry"
    from = "base"                       # the bundle's source signs or encrypts,
    to = "*"                            # its destination accepts
    traffic = ["telemetry"]             # without: all that goes from there to there
    verifiers = ["relay-*"]

Of several rules for one block and one operation the first counts.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from emulator.scenario.table import Name, Table

Names = str | tuple[str, ...]
Block = Literal["primary", "payload", "quality-of-service"]
Algorithm = Literal["HMAC 256/256", "HMAC 384/384", "HMAC 512/512", "A128GCM", "A256GCM"]


class Rule(Table):
    """An operation on bundles from some nodes to some nodes; names may be patterns ("ai-*").

    `wrapped`: each bundle gets a key of its own, which travels in it under the rule's key.
    """

    operation: Literal["integrity", "confidentiality"]
    key: str
    algorithm: Algorithm | None = None
    source: Names = Field(default="*", alias="from")
    destination: Names = Field(default="*", alias="to")
    traffic: Names | None = None
    blocks: tuple[Block, ...] = Field(default=("payload",), min_length=1)
    wrapped: bool = False
    verifiers: Names = ()
    acceptors: Names = ()


class Security(Table):
    """Keys by name, each with its file, and rules."""

    keys: dict[Name, str] = Field(default_factory=dict)
    rules: tuple[Rule, ...] = ()
