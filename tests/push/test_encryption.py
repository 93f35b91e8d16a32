"""Encryption of push messages: the RFC's own example, and another library's opinion."""

from __future__ import annotations

import http_ece
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from push.webpush.encryption import CURVE, MAX_PLAINTEXT, decode, decode_point, decode_secret, encode, encrypt
from tests.push.service import Device

PLAINTEXT = b"When I grow up, I want to be a watermelon"
AUTH = "BTBZMqHH6r4Tts7J_aSIgg"
RECEIVER = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
SENDER_PRIVATE = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
BODY = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27ml"
    "mlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPT"
    "pK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)


@pytest.mark.rfc(8291, "5")
@pytest.mark.rfc(8188, "2")
def test_the_example_of_the_rfc_comes_out_octet_by_octet() -> None:
    sender = ec.derive_private_key(int.from_bytes(decode(SENDER_PRIVATE), "big"), CURVE)

    body = encrypt(PLAINTEXT, decode_point(RECEIVER), decode_secret(AUTH), sender=sender, salt=decode(BODY)[:16])

    assert encode(body) == BODY


@pytest.mark.rfc(8291, "3.4")
@pytest.mark.parametrize("length", [0, 1, 100, MAX_PLAINTEXT])
def test_another_library_reads_what_was_encrypted(length: int) -> None:
    device = Device()

    body = encrypt(b"x" * length, decode_point(device.keys["p256dh"]), device.auth)

    assert http_ece.decrypt(body, private_key=device.private, auth_secret=device.auth) == b"x" * length
    assert len(body) <= 4_096


@pytest.mark.rfc(8291, "4")
def test_a_message_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="3993"):
        encrypt(b"x" * (MAX_PLAINTEXT + 1), decode_point(RECEIVER), decode_secret(AUTH))


@pytest.mark.rfc(8291, "3.1")
def test_no_two_messages_share_key_or_salt() -> None:
    bodies = {encrypt(PLAINTEXT, decode_point(RECEIVER), decode_secret(AUTH))[:86] for _ in range(20)}

    assert len(bodies) == 20


@pytest.mark.rfc(8620, "7.2")
@pytest.mark.parametrize(
    "text", ["", "*", "BCVx", RECEIVER[:-4], encode(b"\x04" + b"\x01" * 64), encode(b"\x04" + b"\xff" * 64), "é"]
)
def test_keys_that_are_no_point_of_the_curve_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"P-256|base64"):
        decode_point(text)


@pytest.mark.rfc(8620, "7.2")
@pytest.mark.parametrize("text", ["", "AAAA", encode(b"x" * 17), "!!"])
def test_a_secret_of_another_length_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"16 octets|base64"):
        decode_secret(text)
