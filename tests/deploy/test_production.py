"""The production processes as deploy/ describes them: the Procfile's behind nginx with TLS, reached as clients do."""

import contextlib
import datetime
import os
import smtplib
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.running import ROOT, environment, free_port, manage, own_broker, own_database, process

ADDRESS, PASSWORD = "ada@example.org", "cedar-lantern-mist-4"
PASSWORDS = {"SETUP_ADMIN_PASSWORD": "plum-anchor-violet-9", "SETUP_MAILBOX_PASSWORD": PASSWORD}


@dataclass(frozen=True)
class Site:
    """A running production site: where nginx listens, and a client that trusts its certificate."""

    tls: str
    plain: str
    client: httpx.Client
    lmtp: int
    """The port where mail comes in."""


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for localhost and its key, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths


def procfile() -> dict[str, str]:
    """The commands of the Procfile by the name of the process."""
    lines = (ROOT / "deploy" / "Procfile").read_text().splitlines()
    return {name: command.strip() for name, _colon, command in (line.partition(":") for line in lines if line)}


def nginx_command(folder: Path, variables: dict[str, str]) -> list[str]:
    """nginx with the shipped configuration, its variables filled in."""
    text = (ROOT / "deploy" / "nginx.conf.template").read_text()
    for name, value in variables.items():
        text = text.replace(f"${{{name}}}", value)
    assert "${" not in text
    (folder / "nginx.conf").write_text(text)
    return [os.environ["TEST_NGINX"], "-e", "stderr", "-p", str(folder), "-c", "nginx.conf", "-g", "daemon off;"]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The Procfile's processes and nginx, with one mailbox."""
    if not os.environ.get("TEST_NGINX"):
        pytest.skip("TEST_NGINX names no nginx: run under `scripts/services.py run nginx -- ...`")
    folder = tmp_path_factory.mktemp("site")
    certificate, key = make_certificate(folder)
    web, tls, plain = free_port(), free_port(), free_port()
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(own_database(folder, "deploy"))
        variables = environment(
            folder / "data", DATABASE_URL=url, SERVER="uvicorn", WORKERS="2", PORT=str(web),
            ALLOWED_HOSTS="localhost", TRUSTED_PROXIES="127.0.0.1", BROKER_URL=own_broker(1),
        )  # fmt: skip
        variables["PATH"] = f"{Path(sys.executable).parent}:{variables['PATH']}"
        made = manage("setup", "--admin", "root", "--address", ADDRESS, variables={**variables, **PASSWORDS})
        assert made.returncode == 0, made.stderr
        ports = {"lmtpd": int(variables["LMTP_PORT"])}
        for name, command in procfile().items():
            port = ports.get(name, web)
            stack.enter_context(process(["sh", "-c", f"exec {command}"], port, folder / f"{name}.log", variables))
        filled = {
            "SERVER_NAME": "localhost", "LISTEN_TLS": f"127.0.0.1:{tls}", "LISTEN_PLAIN": f"127.0.0.1:{plain}",
            "TLS_CERTIFICATE": str(certificate), "TLS_KEY": str(key), "UPSTREAM": f"127.0.0.1:{web}",
            "RUN_DIR": str(folder),
        }  # fmt: skip
        libraries = {"LD_LIBRARY_PATH": os.environ.get("TEST_NGINX_LIBRARY_PATH", "")}
        stack.enter_context(
            process(nginx_command(folder, filled), tls, folder / "nginx.log", {**variables, **libraries})
        )
        context = ssl.create_default_context(cafile=str(certificate))
        client = stack.enter_context(httpx.Client(verify=context, timeout=30))
        yield Site(f"https://localhost:{tls}", f"http://localhost:{plain}", client, ports["lmtpd"])


def session(site: Site, headers: dict[str, str] | None = None) -> httpx.Response:
    """The session resource, asked for as a client does that knows only the host."""
    url = f"{site.tls}/.well-known/jmap"
    return site.client.get(url, auth=(ADDRESS, PASSWORD), headers=headers, follow_redirects=True)


def test_the_session_holds_absolute_urls_with_the_scheme_of_the_client(site: Site) -> None:
    response = session(site)

    assert response.status_code == 200
    for name in ("apiUrl", "uploadUrl", "downloadUrl"):
        assert response.json()[name].startswith(f"{site.tls}/"), name


@pytest.mark.parametrize(
    "claim",
    [
        {"X-Forwarded-Proto": "http"},
        {"X-Forwarded-Host": "elsewhere.example"},
        {"Forwarded": "for=192.0.2.1;proto=http;host=elsewhere.example"},
    ],
    ids=lambda claim: next(iter(claim)),
)
def test_what_a_client_claims_about_proxies_changes_no_url(site: Site, claim: dict[str, str]) -> None:
    response = session(site, claim)

    assert response.status_code == 200
    assert response.json()["apiUrl"].startswith(f"{site.tls}/")


def test_requests_are_answered_through_the_proxy(site: Site) -> None:
    request = {"using": ["urn:ietf:params:jmap:core"], "methodCalls": [["Core/echo", {"hello": "world"}, "c"]]}

    response = site.client.post(session(site).json()["apiUrl"], json=request, auth=(ADDRESS, PASSWORD))

    assert response.json()["methodResponses"] == [["Core/echo", {"hello": "world"}, "c"]]


def test_a_large_upload_comes_back_as_it_was_sent(site: Site) -> None:
    resource = session(site).json()
    account = next(iter(resource["accounts"]))
    octets = os.urandom(5_000_000)

    uploaded = site.client.post(
        resource["uploadUrl"].replace("{accountId}", account),
        content=octets,
        headers={"Content-Type": "application/octet-stream"},
        auth=(ADDRESS, PASSWORD),
    ).json()
    values = {"accountId": account, "blobId": uploaded["blobId"], "name": "x", "type": "application/octet-stream"}
    url = resource["downloadUrl"]
    for name, value in values.items():
        url = url.replace(f"{{{name}}}", value)
    downloaded = site.client.get(url, auth=(ADDRESS, PASSWORD))

    assert uploaded["size"] == len(octets)
    assert downloaded.content == octets


def test_mail_that_comes_in_is_there_for_clients(site: Site) -> None:
    with smtplib.LMTP("127.0.0.1", site.lmtp) as mta:
        mta.sendmail("grace@elsewhere.test", [ADDRESS], "Subject: By LMTP\r\n\r\nHello\r\n")

    account = next(iter(session(site).json()["accounts"]))
    query = {"accountId": account, "filter": {"subject": "LMTP"}}
    request = {"using": ["urn:ietf:params:jmap:mail"], "methodCalls": [["Email/query", query, "q"]]}
    response = site.client.post(session(site).json()["apiUrl"], json=request, auth=(ADDRESS, PASSWORD))
    assert len(response.json()["methodResponses"][0][1]["ids"]) == 1


def test_the_admin_gets_cookies_for_https_only(site: Site) -> None:
    response = site.client.get(f"{site.tls}/admin/login/")

    assert response.status_code == 200
    assert "Secure" in response.headers["set-cookie"]
    assert response.headers["strict-transport-security"] == "max-age=31536000"


def test_plain_http_is_sent_to_https_without_losing_the_method(site: Site) -> None:
    response = site.client.post(f"{site.plain}/jmap/", content=b"{}")

    assert response.status_code == 308
    assert response.headers["location"] == "https://localhost/jmap/"


def test_a_host_that_is_not_ours_is_refused(site: Site) -> None:
    response = site.client.get(f"{site.tls}/admin/login/", headers={"Host": "elsewhere.example"})

    assert response.status_code == 400


def test_nginx_finds_no_fault_with_the_configuration(site: Site, tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
    filled = {
        "SERVER_NAME": "localhost", "LISTEN_TLS": "127.0.0.1:1", "LISTEN_PLAIN": "127.0.0.1:2",
        "TLS_CERTIFICATE": str(certificate), "TLS_KEY": str(key), "UPSTREAM": "127.0.0.1:3", "RUN_DIR": str(tmp_path),
    }  # fmt: skip
    libraries = {**os.environ, "LD_LIBRARY_PATH": os.environ.get("TEST_NGINX_LIBRARY_PATH", "")}

    done = subprocess.run(
        [*nginx_command(tmp_path, filled), "-t"], env=libraries, capture_output=True, text=True, check=False
    )

    assert "warn" not in done.stderr
    assert "syntax is ok" in done.stderr
