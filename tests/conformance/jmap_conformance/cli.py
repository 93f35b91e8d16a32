"""The command line: ``jmap-conformance SESSION_URL --user NAME --password WORD`` and ``jmap-conformance report``.

The exit code is 0 if every case that was run passed, 1 if one failed, 2 if the server could not be talked to.
"""

from __future__ import annotations

import argparse
import fnmatch
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from jmap_conformance import cleanup
from jmap_conformance.adapters.configured import load
from jmap_conformance.case import LEVELS, Case, all_cases
from jmap_conformance.client import Client, Principal
from jmap_conformance.outcome import BAD, Failure, Result
from jmap_conformance.reports import html, junit, record, terminal
from jmap_conformance.runner import run
from jmap_conformance.toolkit import World

JOBS = 4


def parser() -> argparse.ArgumentParser:
    """The options of a run."""
    options = argparse.ArgumentParser(prog="jmap-conformance", description="Hold a JMAP server to its RFCs.")
    options.add_argument("session_url", metavar="SESSION_URL", help="the session resource, or its /.well-known/jmap")
    options.add_argument("--user", default="", help="name for Basic authentication")
    options.add_argument("--password", default=os.environ.get("JMAP_PASSWORD", ""), help="or in $JMAP_PASSWORD")
    options.add_argument("--token", default=os.environ.get("JMAP_TOKEN", ""), help="for Bearer; or in $JMAP_TOKEN")
    options.add_argument("--second-user", default="", help="another principal: unlocks cases between people")
    options.add_argument("--second-password", default=os.environ.get("JMAP_SECOND_PASSWORD", ""))
    options.add_argument("--second-token", default=os.environ.get("JMAP_SECOND_TOKEN", ""))
    options.add_argument("--adapter", help="a TOML file, or cyrus, stalwart, django-jmap-server")
    options.add_argument("--only", action="append", default=[], metavar="PATTERN", help="cases whose id matches")
    options.add_argument("--skip", action="append", default=[], metavar="PATTERN", help="leave these cases out")
    options.add_argument("--level", choices=LEVELS, default="may", help="this level and the stricter ones")
    options.add_argument("--cleanup", action="store_true", help="leave the account as it was found")
    options.add_argument("--jobs", type=int, default=JOBS, help=f"cases side by side (default {JOBS})")
    options.add_argument("--name", default="", help="what the reports call the server")
    options.add_argument("--junit", type=Path, metavar="FILE")
    options.add_argument("--json", type=Path, metavar="FILE")
    options.add_argument("--html", type=Path, metavar="FILE")
    options.add_argument("--quiet", action="store_true", help="no progress, only the summary")
    options.add_argument("--list", action="store_true", help="list the cases and do nothing")
    return options


def chosen(cases: Sequence[Case], only: Sequence[str], skip: Sequence[str], level: str) -> list[Case]:
    """The cases that a run is about; a pattern matches an id whole, or its beginning up to a slash."""
    levels = LEVELS[: LEVELS.index(level) + 1]

    def matches(case: Case, patterns: Sequence[str]) -> bool:
        return any(fnmatch.fnmatch(case.id, each) or case.id.startswith(each.rstrip("/*") + "/") for each in patterns)

    wanted = [case for case in cases if case.level in levels and not matches(case, skip)]
    return [case for case in wanted if not only or matches(case, only)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ["report"]:
        return report(words[1:])
    if words == ["--list"]:
        terminal.catalogue(all_cases())
        return 0
    options = parser().parse_args(words)
    cases = chosen(all_cases(), options.only, options.skip, options.level)
    if options.list:
        terminal.catalogue(cases)
        return 0
    if not cases:
        sys.stderr.write("no case matches\n")
        return 2
    return execute(options, cases)


def execute(options: argparse.Namespace, cases: list[Case]) -> int:
    """Run the cases, write the reports, and the exit code."""
    client = Client(options.session_url, Principal(options.user, options.password, options.token))
    try:
        session = client.refresh()
        client.account()
    except Failure as failure:
        sys.stderr.write(f"{failure}\n")
        return 2
    adapter = load(options.adapter) if options.adapter else None
    second = None
    if options.second_user or options.second_token:
        principal = Principal(options.second_user, options.second_password, options.second_token)
        second = Client(options.session_url, principal)
    before = cleanup.take(client) if options.cleanup else None
    before_second = cleanup.take(second) if options.cleanup and second else None
    begun = time.monotonic()
    progress = terminal.Progress(cases, quiet=options.quiet)
    try:
        results = run(cases, World(client, second, adapter), options.jobs, progress.step)
    finally:
        progress.end()
        troubles = cleanup.restore(client, before) if before else []
        troubles += cleanup.restore(second, before_second) if second and before_second else []
        if adapter:
            adapter.close()
    name = options.name or str(session.get("username", "")) + " at " + (client.host[0] or options.session_url)
    run_record = record.make(name, cases, results, time.monotonic() - begun)
    if options.json:
        record.write(options.json, run_record)
    if options.junit:
        junit.write(options.junit, run_record)
    if options.html:
        html.write(options.html, [run_record])
    terminal.summary(run_record, troubles)
    return exit_code(results)


def exit_code(results: Sequence[Result]) -> int:
    """1 if anything failed."""
    return 1 if any(result.status in BAD for result in results) else 0


def report(arguments: Sequence[str]) -> int:
    """``report a.json b.json -o FILE``: one HTML page of several runs, side by side."""
    options = argparse.ArgumentParser(prog="jmap-conformance report")
    options.add_argument("runs", nargs="+", type=Path, metavar="RUN.json")
    options.add_argument("-o", "--output", type=Path, default=Path("jmap-conformance.html"))
    chosen_options = options.parse_args(arguments)
    html.write(chosen_options.output, [record.read(path) for path in chosen_options.runs])
    sys.stdout.write(f"{chosen_options.output}\n")
    return 0
