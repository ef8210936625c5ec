"""EmbeddedBroker: an MQTT broker in a thread of this process, for machines without Mosquitto.

It is amqtt (`pip install 'lightlag[broker]'`), written in Python: some 4,000 messages a second, a tenth of
Mosquitto's pace, and MQTT 3.1.1. Good for trying `run --processes`; what is
measured is measured over Mosquitto.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from importlib.util import find_spec
from types import TracebackType
from typing import Self

from emulator.constellation.mosquitto import free_port
from nodes.channel.broker import Broker

LOGGERS = ("amqtt", "transitions")
ANONYMOUS = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}


def has_amqtt() -> bool:
    """Whether it is installed."""
    return find_spec("amqtt") is not None


class EmbeddedBroker:
    """A broker on this machine's loopback; a context manager."""

    def __init__(self) -> None:
        self.broker = Broker(host="127.0.0.1", port=free_port(), mqtt5=False)
        self._loop = asyncio.new_event_loop()
        self._up = threading.Event()
        self._failure: BaseException | None = None
        self._over = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="broker", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._up.wait()
        if self._failure is not None:
            raise self._failure
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        except BaseException as failure:
            self._failure = failure
        finally:
            self._up.set()
            self._loop.close()

    async def _serve(self) -> None:
        from amqtt.broker import Broker as Amqtt

        for name in LOGGERS:
            logging.getLogger(name).setLevel(logging.CRITICAL)
        listener = {"type": "tcp", "bind": f"{self.broker.host}:{self.broker.port}"}
        amqtt = Amqtt({"listeners": {"default": listener}, "plugins": ANONYMOUS}, self._loop)
        await amqtt.start()
        self._up.set()
        await self._over.wait()
        await amqtt.shutdown()
