"""DKIM: what is signed verifies elsewhere, keys are rotated, and secrets stay secret."""

from __future__ import annotations

import sys
import types
from datetime import timedelta

import dkim
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.db import IntegrityError, transaction
from django.utils import timezone

from mail.models import Domain
from submission import secrets
from submission.dkim import keys
from submission.dkim.sign import Signer, hash_body, signature_fields
from submission.models import DkimKey, Smarthost
from submission.services import dkim_keys, smarthosts
from tests.relay.conftest import MESSAGE, Sending

HEADER, BODY = MESSAGE.split(b"\r\n\r\n", 1)[0] + b"\r\n", MESSAGE.split(b"\r\n\r\n", 1)[1]


@pytest.fixture
def nacl(monkeypatch: pytest.MonkeyPatch) -> None:
    """What dkimpy wants of PyNaCl to verify Ed25519, by the library that is here."""
    import base64

    class VerifyKey:
        def __init__(self, key: bytes, encoder: object) -> None:
            self.key = Ed25519PublicKey.from_public_bytes(base64.b64decode(key))

        def verify(self, message: bytes, signature: bytes) -> None:
            try:
                self.key.verify(signature, message)
            except InvalidSignature:
                raise module.exceptions.BadSignatureError from None

    module = types.SimpleNamespace(
        signing=types.SimpleNamespace(VerifyKey=VerifyKey),
        encoding=types.SimpleNamespace(Base64Encoder=None),
        exceptions=types.SimpleNamespace(ValueError=ValueError, BadSignatureError=type("Bad", (Exception,), {})),
    )
    monkeypatch.setattr(dkim, "nacl", module, raising=False)
    assert "dkim" in sys.modules


def verifies(message: bytes, records: dict[str, str], index: int = 0) -> bool:
    """Whether a signature of a message holds, by another implementation; ``records``: TXT records by name."""

    def dns(name: bytes, timeout: int = 5) -> bytes | None:
        found = records.get(name.decode().rstrip("."))
        return found.encode() if found else None

    try:
        return dkim.DKIM(message).verify(idx=index, dnsfunc=dns)
    except dkim.ValidationError:
        return False


def signed(pem: str, header: bytes = HEADER, body: bytes = BODY) -> tuple[bytes, dict[str, str]]:
    signer = Signer("a.example", "s1", keys.load(pem))
    fields = signature_fields([signer], header, hash_body([b"\r\n" + body]))
    return fields + header + b"\r\n" + body, {"s1._domainkey.a.example": keys.record(pem)}


@pytest.mark.rfc(6376, "5")
@pytest.mark.parametrize("algorithm", [keys.RSA, keys.ED25519])
@pytest.mark.parametrize("body", [b"Hello\r\n", b"", b"\r\n\r\n", b"a\r\n\r\n\r\n", b"x" * 200_000 + b"\r\n", b" \r\n"])
def test_a_signature_verifies_and_any_change_breaks_it(nacl: None, algorithm: str, body: bytes) -> None:
    message, records = signed(keys.generate(algorithm), body=body)

    assert verifies(message, records)
    assert not verifies(message.replace(b"tea", b"tee"), records)
    assert not verifies(message + b"more\r\n", records)


@pytest.mark.rfc(6376, "8.15")
@pytest.mark.parametrize("field", [b"From: eve@e.example", b"Subject: money", b"To: all@c.example", b"Reply-To: e@e"])
def test_nobody_can_add_another_field_that_a_reader_sees(field: bytes) -> None:
    message, records = signed(keys.generate(keys.RSA))

    assert not verifies(field + b"\r\n" + message, records)


@pytest.mark.rfc(6376, "3.4.3")
def test_a_body_is_hashed_the_same_however_it_is_sliced() -> None:
    text = b"\r\na\r\n\r\nb\r\n\r\n\r\n"
    whole = hash_body([text])

    for cut in (2, 5, 7, 10, 12):
        assert hash_body([text[:cut], text[cut:]]) == whole


@pytest.mark.rfc(6376, "3.6.1")
def test_a_long_record_is_cut_into_strings_that_dns_can_hold() -> None:
    line = keys.zone_line("s1", "a.example", keys.record(keys.generate(keys.RSA)))

    strings = line.split('"')[1::2]
    assert line.startswith("s1._domainkey.a.example. IN TXT ( ")
    assert "".join(strings).startswith("v=DKIM1; k=rsa; p=")
    assert max(map(len, strings)) <= 255
    assert len(strings) == 2


@pytest.mark.own("mail is signed with every active key of its sender's domain")
def test_mail_that_leaves_is_signed_by_the_active_keys(sending: Sending, nacl: None) -> None:
    domain = Domain.objects.get(name="a.example")
    made = [dkim_keys.create(domain, algorithm) for algorithm in (keys.RSA, keys.ED25519)]
    dkim_keys.create(domain, keys.RSA)
    for key in made:
        dkim_keys.activate(key)

    sending.submit(data=b"Bcc: x@y.example\r\n" + MESSAGE.replace(b"Hello", b"Gr\xc3\xbc\xc3\x9fe\n.\nbare"))
    sending.work()

    data = sending.server.messages[0].data
    records = {f"{key.selector}._domainkey.a.example": key.record for key in made}
    assert data.count(b"DKIM-Signature:") == 2
    assert verifies(data, records, 0)
    assert verifies(data, records, 1)


@pytest.mark.own("a key that takes another's place retires it for a grace")
def test_keys_are_rotated_and_kept_for_a_grace(sending: Sending) -> None:
    domain = Domain.objects.get(name="a.example")
    old, new = dkim_keys.create(domain, keys.ED25519), dkim_keys.create(domain, keys.ED25519)
    dkim_keys.activate(old)

    dkim_keys.activate(new)

    signers = dkim_keys.signers(["a.example"])["a.example"]
    assert [signer.selector for signer in signers] == [new.selector]
    assert new.selector != old.selector
    assert dkim_keys.purge() == 0
    assert dkim_keys.purge(timezone.now() + timedelta(days=8)) == 1
    assert DkimKey.objects.get() == new


@pytest.mark.own("secrets are stored sealed, and sealed anew with a new key")
def test_a_secret_survives_the_rotation_of_keys(sending: Sending, settings) -> None:
    host = smarthosts.save({"host": "h.example"}, password="swordfish", smarthost=Smarthost.objects.get())
    first = host.sealed_password
    settings.JMAP = {**settings.JMAP, "SUBMISSION": {"SECRET_KEYS": ["new", "only-for-tests"]}}
    opened = secrets.unseal(first)

    count = smarthosts.reseal()
    settings.JMAP = {**settings.JMAP, "SUBMISSION": {"SECRET_KEYS": ["new"]}}
    settings.SECRET_KEY = "another"

    host.refresh_from_db()
    assert "swordfish" not in first
    assert (opened, count) == ("swordfish", 1)
    assert secrets.unseal(host.sealed_password) == "swordfish"
    with pytest.raises(secrets.SealBroken):
        secrets.unseal(first)


@pytest.mark.own("there is one smarthost for the site")
def test_a_site_has_one_smarthost_of_its_own(sending: Sending) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        smarthosts.save({"host": "other.example"}, password=None)
