"""What a run says on the terminal: a bar while it lasts, failures as they happen, a table at the end."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from jmap_conformance.case import Case
from jmap_conformance.outcome import BAD, STATUSES, Result
from jmap_conformance.reports.record import Record, tally

WIDTH = 30


class Progress:
    """A bar on standard error, if that is a terminal; failures are told above it."""

    def __init__(self, cases: Sequence[Case], *, quiet: bool) -> None:
        self._cases = {case.id: case for case in cases}
        self._done = self._bad = 0
        self._quiet = quiet
        self._bar = sys.stderr.isatty() and not quiet

    def step(self, result: Result) -> None:
        """One more is done."""
        self._done += 1
        if result.status in BAD:
            self._bad += 1
            if not self._quiet:
                self._clear()
                sys.stdout.write(failure(self._cases[result.id], result))
                sys.stdout.flush()
        if self._bar:
            filled = WIDTH * self._done // len(self._cases)
            bar = "█" * filled + "░" * (WIDTH - filled)
            sys.stderr.write(f"\r{bar} {self._done}/{len(self._cases)}, {self._bad} failed \033[K")
            sys.stderr.flush()

    def end(self) -> None:
        """The bar goes."""
        self._clear()

    def _clear(self) -> None:
        if self._bar:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()


def failure(case: Case, result: Result) -> str:
    """What is told of a failure: the sentence, what came, and how to see it again."""
    lines = [f"{result.status.upper()} {case.id} ({case.level.upper()}, {case.source})", f"  {case.requirement}"]
    lines += [f"  {result.message}"]
    if result.exchanges:
        last = result.exchanges[-1]
        lines += [f"  > {last['method']} {last['url']}"]
        lines += [f"  > {short(last['request'])}"] if last["request"] else []
        lines += [f"  < {last['status']} {short(last['response'])}"]
        lines += [f"  $ {result.curl}"]
    return "\n".join(lines) + "\n\n"


def short(text: str) -> str:
    """One line of a body."""
    line = " ".join(text.split())
    return line if len(line) <= 400 else line[:400] + "…"


def summary(record: Record, troubles: Sequence[str]) -> None:
    """The table at the end."""
    write = sys.stdout.write
    write(f"{record['server']}: {len(record['results'])} cases in {record['seconds']:.1f} s\n")
    write(f"{'':8}" + "".join(f"{status:>16}" for status in STATUSES) + "\n")
    for level, counts in tally(record).items():
        write(f"{level.upper():8}" + "".join(f"{counts[status]:>16}" for status in STATUSES) + "\n")
    for trouble in troubles:
        write(f"not cleaned up: {trouble}\n")


def catalogue(cases: Sequence[Case]) -> None:
    """One line for each case."""
    for case in cases:
        sys.stdout.write(f"{case.id}  {case.level.upper()} {case.source}\n")
