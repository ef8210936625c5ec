"""Bundle protocol security: integrity and confidentiality of single blocks.

Source: RFC 9172 (BPSec) and RFC 9173 (its default security contexts).

    asb              the abstract security block: what stands in a block of type 11 or 12
    structure        which security blocks a bundle may have; the operations they stand for
    canonical        what a key is applied to: IPPT and AAD
    integrity        BIB-HMAC-SHA2: sign, verify
    confidentiality  BCB-AES-GCM: encrypt, decrypt
    ciphers          AES-GCM and key wrapping; the one module that needs `cryptography`
    keys, policy     keys that do not show; who adds, verifies and accepts which operation

An operation is a service applied to one target block. The node that adds it is its security source;
a verifier checks it and leaves it; an acceptor checks it and takes it away (RFC 9172 section 2).
"""
