"""AES-GCM and AES key wrapping, from the `cryptography` package.

Source: NIST SP 800-38D (GCM, with a tag of 128 bits), RFC 3394 (key wrapping). The package is imported
when the first of these functions runs: a node that neither encrypts nor wraps never loads it.
"""

from __future__ import annotations

TAG_BYTES = 16
WRAPPING_KEY_BYTES = (16, 24, 32)


def encrypt(key: bytes, iv: bytes, plaintext: bytes, associated_data: bytes) -> tuple[bytes, bytes]:
    """Ciphertext, as long as the plaintext, and tag."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    sealed = AESGCM(key).encrypt(iv, plaintext, associated_data)
    return sealed[:-TAG_BYTES], sealed[-TAG_BYTES:]


def decrypt(
    key: bytes, iv: bytes, ciphertext: bytes, tag: bytes, associated_data: bytes
) -> bytes | None:
    """The plaintext; None unless key, IV, ciphertext, tag and associated data belong together."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        return AESGCM(key).decrypt(iv, ciphertext + tag, associated_data)
    except InvalidTag:
        return None


def wrap_key(key_encryption_key: bytes, key: bytes) -> bytes:
    """The key, wrapped: eight octets longer."""
    from cryptography.hazmat.primitives.keywrap import aes_key_wrap

    return aes_key_wrap(key_encryption_key, key)


def unwrap_key(key_encryption_key: bytes, wrapped: bytes) -> bytes | None:
    """The key that was wrapped; None if it was not, or not under this key."""
    from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap

    if len(key_encryption_key) not in WRAPPING_KEY_BYTES:
        return None
    try:
        return aes_key_unwrap(key_encryption_key, wrapped)
    except InvalidUnwrap:
        return None
