"""Keys: octets with a name, which show in no text that is made of them.

A key file holds one key in hexadecimal; white space does not count, and lines that begin with # are
remarks. Whoever reads the file hands its text to `parse_key`, so that nothing here touches a file.

Refused: lengths that neither context can use. RFC 9173 section 3.5 has an HMAC key as long as its
output (32, 48 or 64 octets); AES keys and key-encryption keys have 16, 24 or 32.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from dtn.errors import InvalidValue

KEY_SIZES = (16, 24, 32, 48, 64)


@dataclass(frozen=True, slots=True)
class Key:
    """A symmetric key.

    Args:
        name: what it is called; nothing else of it is ever shown.
        octets: the key itself.
    """

    name: str
    octets: bytes = field(repr=False)

    def __len__(self) -> int:
        return len(self.octets)


def parse_key(name: str, text: str) -> Key:
    """The key of this text.

    Raises:
        InvalidValue: it is no key; the value that it shows is a length, never the text.
    """
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("#"))
    digits = "".join("".join(lines).split())
    try:
        octets = bytes.fromhex(digits)
    except ValueError:
        mend = "write the key as hexadecimal digits, two an octet"
        raise InvalidValue(name, f"{len(digits)} characters", mend) from None
    if len(octets) not in KEY_SIZES:
        mend = "a key has 32, 48 or 64 octets for HMAC, 16 or 32 for AES; 16, 24 or 32 to wrap keys"
        raise InvalidValue(name, f"{len(octets)} octets", mend)
    return Key(name, octets)
