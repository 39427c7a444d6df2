from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from certificates import made, serialization
from lineside.core.errors import OutputError
from lineside.outputs.plant.opcua.certificates import TrustList, identity_of, name_of

NOW = datetime.now(UTC)


def identity(pair, now=NOW):
    return identity_of(str(pair.certificate_file), str(pair.key_file), now)


def der(pair):
    return pair.certificate.public_bytes(serialization.Encoding.DER)


@pytest.mark.parametrize("pem", [False, True])
def test_a_certificate_is_read_whatever_its_form_and_its_key_is_never_shown(tmp_path, pem):
    pair = made(tmp_path, "line", pem=pem, uri="urn:plant:line")
    found = identity(pair)
    assert found.certificate == der(pair)
    assert found.uri == "urn:plant:line"
    assert "PRIVATE" not in repr(found)


def test_a_form_is_known_by_the_content_not_by_the_name(tmp_path):
    pair = made(tmp_path, "line", pem=True)
    renamed = pair.certificate_file.rename(tmp_path / "line.crt")
    assert identity_of(str(renamed), str(pair.key_file), NOW).certificate == der(pair)


@pytest.mark.parametrize(
    ("days", "message"),
    [((-30, -1), "expected a certificate that holds on"), ((1, 30), "expected a certificate that holds on")],
)
def test_a_certificate_that_does_not_hold_today_is_refused_with_its_file_and_days(tmp_path, days, message):
    pair = made(tmp_path, "line", days=days)
    with pytest.raises(OutputError, match=message) as refusal:
        identity(pair)
    assert str(pair.certificate_file) in str(refusal.value)
    assert f"{NOW + timedelta(days=days[0]):%Y-%m-%d}" in str(refusal.value)


def test_what_is_no_certificate_or_no_key_is_refused_by_its_file(tmp_path):
    pair, other = made(tmp_path, "line"), made(tmp_path, "other", key=1)
    small = made(tmp_path, "small", key=2, bits=1024)
    garbage, large = tmp_path / "garbage.der", tmp_path / "large.der"
    garbage.write_bytes(b"\x30\x82\x01\x00 no certificate")
    large.write_bytes(bytes(1_000_001))
    locked = tmp_path / "locked.key"
    locked.write_bytes(
        pair.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    for certificate, key, named, message in (
        (tmp_path / "none.der", pair.key_file, "none.der", "cannot be read"),
        (tmp_path, pair.key_file, str(tmp_path), "cannot be read"),
        (garbage, pair.key_file, "garbage.der", "expected a certificate in DER or PEM"),
        (large, pair.key_file, "large.der", "at most"),
        (pair.certificate_file, garbage, "garbage.der", "expected a private key in DER or PEM"),
        (pair.certificate_file, pair.certificate_file, "line.der", "expected a private key"),
        (pair.certificate_file, other.key_file, "other.key", "it is another's"),
        (pair.certificate_file, locked, "locked.key", "without a password"),
        (small.certificate_file, small.key_file, "small.key", "at least 2048 bits"),
    ):
        with pytest.raises(OutputError, match=message) as refusal:
            identity_of(str(certificate), str(key), NOW)
        assert named in str(refusal.value)


def test_a_client_is_trusted_by_itself_or_by_who_signed_it_and_by_nothing_else(tmp_path):
    folder = tmp_path / "trusted"
    folder.mkdir()
    friend = made(folder, "friend", key=1)
    authority = made(folder, "plant", key=2, is_authority=True)
    signed = made(tmp_path, "signed", key=3, signed_by=authority)
    expired = made(tmp_path, "expired", key=3, signed_by=authority, days=(-9, -1))
    stranger = made(tmp_path, "stranger", key=4)
    namesake = made(tmp_path, "friend", key=4)
    by_friend = made(tmp_path, "by-friend", key=4, signed_by=friend)
    false_authority = made(tmp_path, "plant", key=4, is_authority=True)
    forged = made(tmp_path, "forged", key=3, signed_by=false_authority)
    trusted = TrustList.read(str(folder), NOW)
    assert trusted.objection(der(friend), NOW) == ""
    assert trusted.objection(der(signed), NOW) == ""
    for pair in (stranger, namesake, by_friend, forged):
        assert "not in the list" in trusted.objection(der(pair), NOW)
    assert "valid from" in trusted.objection(der(expired), NOW)
    assert "valid from" in trusted.objection(der(friend), NOW + timedelta(days=60))
    assert "no certificate" in trusted.objection(None, NOW)
    assert "cannot be read" in trusted.objection(b"garbage", NOW)


def test_a_list_without_anybody_or_with_what_is_no_certificate_is_refused_by_its_file(tmp_path):
    with pytest.raises(OutputError, match="nothing"):
        TrustList.read(str(tmp_path / "nothing"), NOW)
    with pytest.raises(OutputError, match="nobody could come in"):
        TrustList.read(str(tmp_path), NOW)
    made(tmp_path, "old", days=(-9, -1))
    with pytest.raises(OutputError, match=r"old\.der"):
        TrustList.read(str(tmp_path), NOW)


def test_a_stranger_has_a_name_for_people(tmp_path):
    assert "CN=cell" in name_of(der(made(tmp_path, "cell")))
    assert name_of(b"garbage") == name_of(None) == "a client without a certificate"
