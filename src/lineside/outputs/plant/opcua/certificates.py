"""Certificates of an OPC UA server: its own, checked before it listens, and those of the clients that it lets in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lineside.core.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from cryptography.x509 import Certificate

_LARGEST_BYTES = 1_000_000
_SUFFIXES = frozenset({".der", ".pem", ".crt", ".cer"})
_LEAST_BITS = 2048  # of Basic256Sha256


@dataclass(frozen=True, slots=True)
class Identity:
    """What a server proves itself with.

    Attributes:
        certificate: DER.
        private_key: PEM, never to be shown.
        uri: The application's name in the certificate, which clients compare with what the server says; empty without one.
    """

    certificate: bytes
    private_key: bytes
    uri: str

    def __repr__(self) -> str:
        return f"Identity({self.uri!r})"


def identity_of(certificate_file: str, key_file: str, now: datetime) -> Identity:
    """A certificate that holds today, with the key that belongs to it.

    Args:
        certificate_file: DER or PEM, whatever its name ends with.
        key_file: The same of its private key, without a password.
        now: With its time zone.

    Raises:
        OutputError: A file cannot be read, is none, has expired or is not valid yet, or they do not belong together.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    certificate = _certificate(Path(certificate_file))
    _holds(certificate, certificate_file, now)
    key = _read(Path(key_file), "private key", _key)
    if not isinstance(key, RSAPrivateKey) or key.key_size < _LEAST_BITS:
        raise OutputError(f"opcua: {key_file}: expected an RSA key of at least {_LEAST_BITS} bits")
    if key.public_key() != certificate.public_key():
        raise OutputError(
            f"opcua: {key_file}: expected the private key of {certificate_file}; it is another's"
        )
    encoding, plain = serialization.Encoding, serialization.NoEncryption()
    return Identity(
        certificate.public_bytes(encoding.DER),
        key.private_bytes(encoding.PEM, serialization.PrivateFormat.PKCS8, plain),
        _uri(certificate),
    )


class TrustList:
    """The clients that are let in: those whose certificate is there, and those whom an authority that is there has signed.

    Args:
        certificates: They.
    """

    def __init__(self, certificates: Sequence[Certificate]) -> None:
        self._known = {_der(certificate) for certificate in certificates}
        self._authorities = [one for one in certificates if _is_authority(one)]

    @classmethod
    def read(cls, folder: str, now: datetime) -> TrustList:
        """The certificates of a folder's files `*.der`, `*.pem`, `*.crt` and `*.cer`.

        Raises:
            OutputError: There is no such folder or none in it, or a file is no certificate, or has expired.
        """
        try:
            files = sorted(path for path in Path(folder).iterdir() if path.suffix.lower() in _SUFFIXES)
        except OSError as fault:
            raise OutputError(f"opcua: trusted: {folder}: {fault.strerror or fault}") from fault
        if not files:
            raise OutputError(
                f"opcua: trusted: {folder}: expected certificates of clients, *.der or *.pem; there are none, so that nobody could come in"
            )
        certificates = [_certificate(path) for path in files]
        for path, certificate in zip(files, certificates, strict=True):
            _holds(certificate, str(path), now)
        return cls(certificates)

    def objection(self, der: bytes | None, now: datetime) -> str:
        """Why a client with this certificate, whose key it has proven to have, is not let in; empty where it is."""
        from cryptography import x509

        if not der:
            return "it has no certificate"
        try:
            certificate = x509.load_der_x509_certificate(der)
        except ValueError:
            return "its certificate cannot be read"
        if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
            return f"its certificate is valid from {_days(certificate)}"
        if der in self._known or any(_signed(certificate, one, now) for one in self._authorities):
            return ""
        return "its certificate is not in the list of trusted ones"


def name_of(der: bytes | None) -> str:
    """A certificate's subject and SHA-256, for people; of whatever bytes."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    try:
        certificate = x509.load_der_x509_certificate(der or b"")
    except ValueError:
        return "a client without a certificate"
    return f"{certificate.subject.rfc4514_string()[:100]!r} (SHA-256 {certificate.fingerprint(hashes.SHA256()).hex()})"


def _certificate(path: Path) -> Certificate:
    from cryptography import x509

    def load(data: bytes) -> Certificate:
        is_pem = data.lstrip().startswith(b"-----")
        return x509.load_pem_x509_certificate(data) if is_pem else x509.load_der_x509_certificate(data)

    certificate: Certificate = _read(path, "certificate", load)
    return certificate


def _key(data: bytes) -> Any:
    from cryptography.hazmat.primitives import serialization

    is_pem = data.lstrip().startswith(b"-----")
    load = serialization.load_pem_private_key if is_pem else serialization.load_der_private_key
    return load(data, None)


def _read(path: Path, what: str, load: Callable[[bytes], Any]) -> Any:
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        with path.open("rb") as stream:
            data = stream.read(_LARGEST_BYTES + 1)
    except OSError as fault:
        raise OutputError(f"opcua: {path}: the {what} cannot be read: {fault.strerror or fault}") from fault
    if len(data) > _LARGEST_BYTES:
        raise OutputError(f"opcua: {path}: expected a {what} of at most {_LARGEST_BYTES} bytes")
    try:
        return load(data)
    except TypeError as fault:  # what the library raises for a key with a password
        raise OutputError(f"opcua: {path}: expected a {what} without a password") from fault
    except (ValueError, UnsupportedAlgorithm) as fault:
        raise OutputError(f"opcua: {path}: expected a {what} in DER or PEM: {fault}") from fault


def _holds(certificate: Certificate, file: str, now: datetime) -> None:
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        raise OutputError(
            f"opcua: {file}: expected a certificate that holds on {now:%Y-%m-%d}; it is valid from {_days(certificate)}"
        )


def _days(certificate: Certificate) -> str:
    return f"{certificate.not_valid_before_utc:%Y-%m-%d} to {certificate.not_valid_after_utc:%Y-%m-%d}"


def _der(certificate: Certificate) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.DER)


def _is_authority(certificate: Certificate) -> bool:
    from cryptography import x509

    try:
        return bool(certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca)
    except x509.ExtensionNotFound:
        return False


def _signed(certificate: Certificate, authority: Certificate, now: datetime) -> bool:
    from cryptography.exceptions import InvalidSignature

    if not authority.not_valid_before_utc <= now <= authority.not_valid_after_utc:
        return False
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _uri(certificate: Certificate) -> str:
    from cryptography import x509

    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ""
    return next(iter(names.get_values_for_type(x509.UniformResourceIdentifier)), "")
