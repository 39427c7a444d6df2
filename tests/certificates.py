"""Certificates for tests: of a server, of clients, of an authority; good ones and every kind of bad one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest

x509 = pytest.importorskip("cryptography.x509", reason="cryptography is not installed")

from cryptography.hazmat.primitives import hashes, serialization  # noqa: E402 # only where it is there
from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: E402 # the same
from cryptography.x509.oid import NameOID  # noqa: E402 # the same


@cache
def key_of(number, bits=2048):
    """A key. Making one takes a tenth of a second, so that tests share them."""
    del number
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


@dataclass(frozen=True)
class Pair:
    """A certificate with its key, and the files that hold them."""

    certificate: object
    key: object
    certificate_file: object
    key_file: object


def made(
    folder, name, *, key=0, bits=2048, days=(-1, 30), uri=None, signed_by=None, is_authority=False, pem=False
):
    """A certificate of that name in a folder.

    Args:
        folder: Where its files go.
        name: Its common name, and that of its files.
        key: Which key.
        bits: Its size.
        days: From and until when it holds, from today.
        uri: The application's.
        signed_by: The authority; itself without one.
        is_authority: It may sign others.
        pem: The certificate's file is PEM in place of DER.
    """
    private = key_of(key, bits)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer = subject if signed_by is None else signed_by.certificate.subject
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(now + timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri or f"urn:test:{name}")]),
            critical=False,
        )
    )
    signer = private if signed_by is None else signed_by.key
    certificate = builder.sign(signer, hashes.SHA256())
    encoding = serialization.Encoding
    file, key_file = folder / f"{name}.{'pem' if pem else 'der'}", folder / f"{name}.key"
    file.write_bytes(certificate.public_bytes(encoding.PEM if pem else encoding.DER))
    key_file.write_bytes(
        private.private_bytes(encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return Pair(certificate, private, file, key_file)
