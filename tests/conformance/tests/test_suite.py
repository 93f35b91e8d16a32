"""The suite itself, without a server: what it demands, what it says, and that it stands on its own."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
import venv
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import httpx
import jmap_conformance
import pytest
from jmap_conformance import check
from jmap_conformance.case import LEVELS, all_cases
from jmap_conformance.cli import chosen
from jmap_conformance.client import Client, Exchange, Principal
from jmap_conformance.outcome import ERROR, FAILED, NOT_APPLICABLE, NOT_RUN, PASSED, Failure, NotRun, Result
from jmap_conformance.reports import html, junit, record
from jmap_conformance.runner import run
from jmap_conformance.toolkit import World

pytestmark = pytest.mark.own("the conformance suite stands on its own and says what it found")

PACKAGE = Path(jmap_conformance.__file__).parent
MAY_IMPORT = {"httpx", "websockets", "jmap_conformance"}
NEEDED = ("httpx", "httpcore", "h11", "anyio", "sniffio", "idna", "certifi", "websockets", "typing_extensions.py")
NOBODY = "http://127.0.0.1:9/"


def test_it_imports_nothing_but_the_standard_library_httpx_and_websockets() -> None:
    foreign = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module]
            foreign |= {f"{path.name}: {name}" for name in names if not known(name.partition(".")[0])}

    assert foreign == set()


def known(package: str) -> bool:
    """Whether the suite may import of the package."""
    return package in MAY_IMPORT or package in sys.stdlib_module_names


@pytest.mark.conformance
def test_its_wheel_runs_in_an_environment_without_django(tmp_path: Path) -> None:
    # A copy, since setuptools builds beside its source.
    source = shutil.copytree(PACKAGE.parent, tmp_path / "source", ignore=shutil.ignore_patterns("tests", "__pycache__"))
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path, source]
    subprocess.run(build, check=True, capture_output=True, timeout=120)
    venv.create(tmp_path / "env", with_pip=False, symlinks=True)
    python = tmp_path / "env" / "bin" / "python"
    site = next((tmp_path / "env" / "lib").glob("python*/site-packages"))
    subprocess.run([sys.executable, "-m", "zipfile", "-e", next(tmp_path.glob("*.whl")), site], check=True, timeout=60)
    for name in NEEDED:
        installed = Path(httpx.__file__).parent.parent / name
        if installed.exists():
            (site / name).symlink_to(installed)

    command = [python, "-m", "jmap_conformance", "--list"]
    listed = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60)
    django = subprocess.run([python, "-c", "import django"], cwd=tmp_path, capture_output=True, check=False, timeout=60)

    assert len(listed.stdout.splitlines()) == len(all_cases())
    assert django.returncode != 0


def test_every_case_says_what_it_demands_and_what_a_failure_means() -> None:
    for each in all_cases():
        assert each.level in LEVELS
        assert len(each.requirement) > 10, each.id
        assert each.failure.endswith("."), each.id


def test_cases_are_chosen_by_pattern_and_level() -> None:
    must = chosen(all_cases(), ["core/get"], [], "must")
    everything = chosen(all_cases(), ["core/get/*"], [], "may")

    assert {each.level for each in must} == {"must"}
    assert {each.topic for each in everything} == {"core/get"}
    assert len(everything) > len(must) > 0
    assert chosen(all_cases(), ["core/get"], ["core/*"], "may") == []


def test_booleans_are_not_numbers_and_numbers_are_equal_by_value() -> None:
    check.same({"a": [1.0]}, {"a": [1]}, "")
    with pytest.raises(Failure):
        check.same({"a": True}, {"a": 1}, "")
    with pytest.raises(Failure):
        check.same_set(["a", "a"], ["a"], "")


def test_a_body_that_is_no_i_json_is_a_failure() -> None:
    for body in (b'{"a":1,"a":2}', b"[NaN]", b"\xff", b""):
        with pytest.raises(Failure):
            _ = Exchange("GET", NOBODY, {}, b"", body=body).json


def test_credentials_stay_out_of_records_and_commands() -> None:
    client = Client(NOBODY, Principal("alice", "secret-word"))
    with pytest.raises(Failure):
        client.http("POST", NOBODY, b"{}")
    told = json.dumps(client.exchanges[-1].as_json()) + client.exchanges[-1].curl()

    assert "$AUTHORIZATION" in told
    assert "secret-word" not in told
    assert Principal("alice", "secret-word").authorization.removeprefix("Basic ") not in told


@pytest.mark.parametrize(
    ("error", "status"),
    [(None, PASSED), (Failure("a"), FAILED), (NotRun("b"), NOT_RUN), (KeyError("c"), ERROR)],
)
def test_a_case_ends_in_the_status_that_its_exception_says(error: Exception | None, status: str) -> None:
    def function(_toolkit: object) -> None:
        if error:
            raise error

    template = all_cases()[0]
    made = type(template)(**{**template.__dict__, "function": function, "capabilities": (), "needs": ()})

    assert run([made], World(Client(NOBODY, None)), 1, lambda _result: None)[0].status == status


@pytest.fixture
def finished() -> record.Record:
    """The record of a run with one result of each kind."""
    cases = all_cases()[:4]
    told = Exchange("POST", "http://x/", {"A": "b"}, b'{"</script>": "\xc3\xa9"}', 200, body=b"[]")
    statuses = [PASSED, FAILED, NOT_RUN, NOT_APPLICABLE]
    results = [Result(each.id, status, "why\x00 <b>", 0.1) for each, status in zip(cases, statuses)]
    results[1].exchanges, results[1].curl = [told.as_json()], told.curl()
    return record.make("a server", cases, results, 1.0)


def test_junit_counts_what_failed_and_what_was_not_run(tmp_path: Path, finished: record.Record) -> None:
    junit.write(tmp_path / "junit.xml", finished)

    suite = ElementTree.parse(tmp_path / "junit.xml").getroot()
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("4", "1", "2")
    assert "curl" in (suite.findtext(".//failure") or "")


def test_the_page_holds_all_runs_and_no_markup_of_theirs(tmp_path: Path, finished: record.Record) -> None:
    record.write(tmp_path / "a.json", finished)
    record.write(tmp_path / "b.json", {**finished, "server": "another"})
    html.write(tmp_path / "page.html", [record.read(tmp_path / name) for name in ("a.json", "b.json")])

    page = (tmp_path / "page.html").read_text()
    data = json.loads(page.partition('id="runs">')[2].partition("</script>")[0])
    assert [each["server"] for each in data["runs"]] == ["a server", "another"]
    assert len(data["cases"]) == 4
    assert page.count("</script>") == 2
    assert "http://" not in page.partition("<script")[0]


def test_the_report_command_joins_runs(tmp_path: Path, finished: record.Record) -> None:
    record.write(tmp_path / "a.json", finished)
    command = [sys.executable, "-m", "jmap_conformance", "report", "a.json", "a.json", "-o", "page.html"]
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE.parent)}
    subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True, timeout=60)

    assert (tmp_path / "page.html").exists()
