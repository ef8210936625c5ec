"""Where a broker is and who we are to it: `mqtt://[NAME[:PASSWORD]@]HOST[:PORT]`, `mqtts://` with TLS.

`?version=3.1.1` at the end is for a broker that does not speak MQTT 5.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from dtn.errors import BadInput, Fault

OLD_VERSION = "?version=3.1.1"
PORTS = {"mqtt": 1883, "mqtts": 8883}


@dataclass(frozen=True, slots=True, kw_only=True)
class Broker:
    """A broker and our account with it.

    Args:
        host: its name or address.
        port: where it listens.
        user: our name; "" for none.
        password: goes with it.
        tls: whether the connection is encrypted and the broker proves who it is.
        ca_file: whom it is proved by; None: whom this machine trusts.
        mqtt5: whether it speaks MQTT 5, else 3.1.1.
    """

    host: str
    port: int
    user: str = ""
    password: str = ""
    tls: bool = False
    ca_file: Path | None = None
    mqtt5: bool = True

    def __str__(self) -> str:
        version = "" if self.mqtt5 else OLD_VERSION
        return f"{'mqtts' if self.tls else 'mqtt'}://{self.host}:{self.port}{version}"


def parse_broker(
    url: str, *, user: str = "", password_file: Path | None = None, ca_file: Path | None = None
) -> Broker:
    """A broker from what the command line says; what the URL names goes before `user`.

    Raises:
        BadInput: no such URL, or a file that cannot be read.
    """
    shape = "write mqtt://HOST[:PORT], or mqtts:// for TLS"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as bad:
        raise BadInput(Fault("", "--broker", url, f"{shape} ({bad})")) from None
    if parts.scheme not in PORTS or not parts.hostname:
        raise BadInput(Fault("", "--broker", url, shape))
    password = unquote(parts.password or "")
    if password_file is not None:
        password = _first_line(password_file)
    if ca_file is not None and not ca_file.is_file():
        raise BadInput(Fault("", "--ca", str(ca_file), "there is no such file: check its name"))
    return Broker(
        host=parts.hostname,
        port=PORTS[parts.scheme] if port is None else port,
        user=unquote(parts.username or "") or user,
        password=password,
        tls=parts.scheme == "mqtts",
        ca_file=ca_file,
        mqtt5=f"?{parts.query}" != OLD_VERSION,
    )


def _first_line(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").partition("\n")[0]
    except OSError as fault:
        mend = f"cannot be read: {fault.strerror}"
        raise BadInput(Fault("", "--password-file", str(file), mend)) from None
