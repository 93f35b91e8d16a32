"""Where the server may be made to send to: nowhere but the public internet, whatever URL or DNS say."""

from __future__ import annotations

import socket
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from push.webpush import guard
from push.webpush.post import Answer, post
from tests.push.service import push_service

pytestmark = pytest.mark.rfc(8620, "8.6")


def answers(monkeypatch: pytest.MonkeyPatch, *rounds: list[str]) -> list[tuple[str, int]]:
    """Make the DNS say these addresses, round by round; the questions that were asked."""
    asked: list[tuple[str, int]] = []

    def getaddrinfo(host: str, port: int, *_arguments: Any, **_options: Any) -> list[Any]:
        found = rounds[min(len(asked), len(rounds) - 1)]
        asked.append((host, port))
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    monkeypatch.setattr(guard.socket, "getaddrinfo", getaddrinfo)
    return asked


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.9.10", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "fd00::1",
        "fec0::1", "ff02::1", "2001:db8::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1",
        "64:ff9b::7f00:1", "64:ff9b::a00:1", "2002:7f00:1::", "2002:a9fe:a9fe::1", "2001::1", "fd00:ec2::254",
    ],
)  # fmt: skip
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    assert not guard.is_allowed(ip_address(address))


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "142.250.1.1", "2606:4700::1111", "64:ff9b::808:808", "::ffff:8.8.8.8", "2002:808:808::1"]
)
def test_a_public_address_is_allowed(address: str) -> None:
    assert guard.is_allowed(ip_address(address))


def test_a_network_can_be_allowed(settings: Any) -> None:
    settings.JMAP = {**settings.JMAP, "PUSH": {**settings.JMAP["PUSH"], "ALLOW": ["10.1.0.0/16", "fd00::/8"]}}

    assert guard.is_allowed(ip_address("10.1.2.3"))
    assert guard.is_allowed(ip_address("::ffff:10.1.2.3"))
    assert guard.is_allowed(ip_address("fd00::7"))
    assert not guard.is_allowed(ip_address("10.2.0.1"))


def test_one_bad_address_among_good_ones_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, ["8.8.8.8", "127.0.0.1"])

    with pytest.raises(guard.Forbidden, match="public"):
        guard.resolve("push.example", 443)


def test_what_is_connected_to_is_what_was_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answers(monkeypatch, ["8.8.8.8"], ["127.0.0.1"])
    connected: list[Any] = []

    def connect(address: Any, *_arguments: Any, **_options: Any) -> Any:
        connected.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr("push.webpush.post.socket.create_connection", connect)

    assert post("https://push.example/x", {}, b"") == Answer(0)
    assert (asked, connected) == ([("push.example", 443)], [("8.8.8.8", 443)])


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://push.example/x", "https"),
        ("ftp://push.example/x", "https"),
        ("push.example/x", "https"),
        ("https://user:secret@push.example/x", "credentials"),
        ("https://user@push.example/x", "credentials"),
        ("https://", "host"),
        ("https:///x", "host"),
        ("https://[::1]/x", "name"),
        ("https://[::1/x", "URL"),
        ("https://push.example:99999/x", "URL"),
        ("https://push.example:x/x", "URL"),
        ("https://push.example/ä", "encoded"),
        ("https://push.example/x y", "encoded"),
        ("https://push.example/x\r\nHost: y", "encoded"),
        ("https://push.example/" + "x" * 2_000, "longer"),
    ],
)
def test_a_url_that_will_not_do_is_refused_for_its_reason(url: str, why: str) -> None:
    with pytest.raises(guard.Forbidden, match=why):
        guard.split(url)


def test_no_redirect_is_followed(settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings.JMAP = {**settings.JMAP, "PUSH": {**settings.JMAP["PUSH"], "ALLOW": ["127.0.0.0/8", "::1/128"]}}
    answers(monkeypatch, ["127.0.0.1"])
    with push_service(tmp_path) as service:
        monkeypatch.setenv("SSL_CERT_FILE", str(service.authority))
        service.answers = [(307, {"Location": service.url("elsewhere")})]

        answer = post(service.url(), {}, b"x")

    assert answer.status == 307
    assert [arrival.path for arrival in service.arrived] == ["/device"]


def test_a_certificate_for_another_name_is_not_trusted(
    settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings.JMAP = {**settings.JMAP, "PUSH": {**settings.JMAP["PUSH"], "ALLOW": ["127.0.0.0/8"]}}
    answers(monkeypatch, ["127.0.0.1"])
    with push_service(tmp_path) as service:
        monkeypatch.setenv("SSL_CERT_FILE", str(service.authority))

        answer = post(service.url().replace("localhost", "push.example"), {}, b"x")

    assert answer.status == 0
    assert service.arrived == []
