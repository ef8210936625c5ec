"""Certificates for tests: an authority, and nodes that it vouches for."""

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from nodes.convergence.certificate import BUNDLE_EID, tls_from_files


class Authority:
    """Vouches for nodes; files go to a directory."""

    def __init__(self, directory, name="authority"):
        self.directory = directory
        self.name = name
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self._certificate(name, self.key, None)
        self.path = directory / f"{name}.pem"
        self.path.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def node(self, name, node_id):
        """TLS options of a node whose certificate says this node ID; '' says none."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._certificate(name, key, node_id)
        certificate_path = self.directory / f"{self.name}-{name}.pem"
        key_path = self.directory / f"{self.name}-{name}.key"
        certificate_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        key_path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return tls_from_files(certificate_path, key_path, self.path)

    def _certificate(self, name, key, node_id):
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.name)])
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(hours=1))
            .add_extension(x509.BasicConstraints(ca=node_id is None, path_length=None), True)
        )
        if node_id:
            text = node_id.encode()
            value = x509.OtherName(BUNDLE_EID, bytes((0x16, len(text))) + text)
            names = x509.SubjectAlternativeName([value])
            builder = builder.add_extension(names, False)
        return builder.sign(self.key, hashes.SHA256())
