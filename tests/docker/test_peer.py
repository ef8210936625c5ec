"""Another implementation's container in a node's place: pyd3tn, which speaks MTCP and knows nothing of us.

Its echo finds in its environment where to listen and where its neighbour is.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from constellation import IMAGE_TIME_S, Constellation, copy_of_the_tree, run, up

from dtn.contact_plan import ContactPlan
from dtn.events import BundleDelivered
from emulator.cli import main

pytestmark = [pytest.mark.slow, pytest.mark.realtime, pytest.mark.docker]

PROJECT = f"lightlag-peer-{os.getpid()}"
LIGHT_S = 1.5
SCENARIO = """\
format = 1
name = "peer"
start = 2026-12-01T00:00:00Z
duration = "60s"
nodes = [
    { name = "ground", ipn = 1, role = "gateway" },
    { name = "probe", ipn = 2, role = "gateway" },
    { name = "relay", ipn = 3, role = "gateway" },
]
links = [
    { between = ["ground", "relay"], rate_bps = 1e6, owlt_s = 0.5 },
    { between = ["relay", "probe"], rate_bps = 1e6, owlt_s = 1.0 },
]
[[traffic]]
name = "telemetry"
application = "telemetry"
from = "ground"
to = "probe"
size = "100 B"
period = "2s"
until = "40s"
lifetime = "1h"
"""
ECHO = """\
import os, socket
from pyd3tn.bundle7 import Bundle, PayloadBlock, PrimaryBlock
from pyd3tn.mtcp import MTCPConnection, MTCPSocket

(relay,) = os.environ["LIGHTLAG_NEIGHBOURS"].split()
gateway, _, port = relay.partition("@")[2].rpartition(":")
host, _, listens = os.environ["LIGHTLAG_LISTEN"].rpartition(":")
server = socket.create_server((host, int(listens)))
while True:
    came = MTCPSocket(server.accept()[0])
    try:
        while True:
            bundle = Bundle.parse(came.recv_bundle())
            primary = bundle.primary_block
            if str(primary.destination).endswith(".7"):
                answer = Bundle(
                    PrimaryBlock(destination=primary.source, source=primary.destination),
                    PayloadBlock(bundle.payload_block.data),
                )
                with MTCPConnection(gateway, int(port)) as back:
                    back.send_bundle(bytes(answer))
    except Exception as fault:
        print("the line ended:", fault, flush=True)
"""
IMAGE = """\
ARG PYTHON_BASE=python:3.11-slim
FROM ${PYTHON_BASE}
RUN python3 -m venv /opt/peer && /opt/peer/bin/pip install -q pyd3tn==0.15.2
COPY echo.py /opt/peer/echo.py
USER 4321
CMD ["/opt/peer/bin/python", "-u", "/opt/peer/echo.py"]
"""


@pytest.fixture(scope="module")
def constellation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Constellation]:
    folder = copy_of_the_tree(tmp_path_factory.mktemp("peer"))
    (folder / "scenarios" / "peer.toml").write_text(SCENARIO)
    context = folder / "peer"
    context.mkdir()
    (context / "Dockerfile").write_text(IMAGE)
    (context / "echo.py").write_text(ECHO)
    run(["docker", "build", "-q", "-t", PROJECT, str(context)], timeout_s=IMAGE_TIME_S)
    file = folder / "docker-compose.yml"
    words = ["--peer", f"probe={PROJECT},carrier=mtcp,plan=json", "-o", str(file)]
    with pytest.raises(SystemExit) as ended:
        main(["compose", str(folder / "scenarios" / "peer.toml"), *words])
    assert ended.value.code == 0
    one = Constellation(file, PROJECT, "lightlag/peer", "peer", 1.0, 60 / 3600)
    one.compose("build", "prepare", timeout_s=IMAGE_TIME_S)
    yield one
    run(["docker", "image", "rm", PROJECT])


def test_another_implementation_is_a_node_of_the_constellation(
    constellation: Constellation, tmp_path: Path
) -> None:
    with up(constellation, "ground") as one:
        said = one.lightlag("ping", "ipn:2.7", "--from", "ground", "--patience", "30")
        result = one.result(tmp_path)
        plan = tmp_path / "contacts.json"
        run(["docker", "cp", f"{one.container('probe')}:/lightlag/contacts", str(plan)])
    assert said.splitlines()[-1].split()[-2:] == ["ground", "answered"]
    assert float(said.splitlines()[-1].split()[0]) > 2 * LIGHT_S
    at_it = [e for e in result.log if isinstance(e, BundleDelivered) and e.node == "probe"]
    telemetry = [event for event in at_it if event.service != "7"]
    assert len(telemetry) == 20
    assert "unaccounted" not in {loss["cause"] for loss in result.summary["losses"]}
    assert set(ContactPlan.load(plan).nodes) == {"ground", "relay", "probe"}
