"""How a node's agent, its routing and its convergence layer go about their work, as tables of a scenario."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from dtn.ltp.options import LEAST_SEGMENT_BYTES
from emulator.scenario.quantities import Bytes, Positive, PositiveSeconds
from emulator.scenario.table import Table


class Routing(Table):
    """How nodes choose routes: a strategy's name, or `my_file.py:function`."""

    strategy: str = "sabr"


class Planner(Table):
    """How the contact plan is made; what is left out is as in `topology.planner.PlanOptions`."""

    designer: str | None = None
    session_s: PositiveSeconds | None = Field(default=None, alias="session")
    deep_session_s: PositiveSeconds | None = Field(default=None, alias="deep_session")
    least_rate_bps: Positive | None = None


class Ltp(Table):
    """How bundles travel in LTP blocks, with `convergence = "ltp"` (see `LtpOptions`).

    Segments are at most `segment` long, header included. Bundles gather in a block up to `aggregation`, for
    `aggregation_time` at most; without `aggregation` each is a block. `frame_loss`: how likely a segment is lost on a
    laser link, each for itself; without it, fades take what the link budget says. Fibre has its own. `authentication`:
    segments are signed (RFC 5327), with a key file for each node or pattern of names in `authentication_keys`.
    """

    segment_bytes: Annotated[Bytes, Field(ge=LEAST_SEGMENT_BYTES)] = Field(
        default=1400, alias="segment"
    )
    aggregation_bytes: Bytes | None = Field(default=None, alias="aggregation")
    aggregation_s: PositiveSeconds = Field(default=1.0, alias="aggregation_time")
    max_export_sessions: int = Field(default=100, ge=1)
    checkpoint_limit: int = Field(default=10, ge=0)
    report_limit: int = Field(default=10, ge=0)
    cancel_limit: int = Field(default=10, ge=0)
    round_limit: int = Field(default=20, ge=0)
    anticipated_latency_s: PositiveSeconds = Field(default=1.0, alias="anticipated_latency")
    frame_loss: float | None = Field(default=None, ge=0, lt=1)
    authentication: Literal["HMAC-SHA1-80", "RSA-SHA256", "NULL"] | None = None
    authentication_keys: dict[str, str] = Field(default_factory=dict)


class Agent(Table):
    """How a node's bundle protocol agent goes about its work (RFC 9171; see `dtn.bpa.AgentOptions`).

    For all nodes in `[agent]`, for one in its own `agent`, which changes the keys that it names. `fragment`: a bundle
    that no contact can take whole becomes two. `status_reports`: those that traffic asks for are made.
    `lifetime_override`: no bundle is kept here for longer. `hop_limit` and `crc` are of bundles sourced here.
    """

    fragment: bool = False
    status_reports: bool = False
    lifetime_override_s: PositiveSeconds | None = Field(default=None, alias="lifetime_override")
    hop_limit: int = Field(default=64, ge=1, le=255)
    crc: Literal["crc16", "crc32c"] = "crc32c"

    def changed_by(self, own: Agent | None) -> Agent:
        """The same with the keys that a node's own table names."""
        if own is None:
            return self
        return self.model_copy(update={key: getattr(own, key) for key in own.model_fields_set})
