"""A run as JSON: what the other reports are made from, and what servers are compared by."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from jmap_conformance import __version__
from jmap_conformance.case import Case
from jmap_conformance.outcome import STATUSES, Result

FORMAT = 1

Record = dict[str, Any]


def make(server: str, cases: Sequence[Case], results: Sequence[Result], seconds: float) -> Record:
    """The record of a run."""
    declared = {case.id: case for case in cases}
    entries = []
    for result in results:
        case = declared[result.id]
        about = {
            "level": case.level,
            "rfc": case.rfc,
            "section": case.section,
            "requirement": case.requirement,
            "means": case.failure,
        }
        entries.append({**about, **asdict(result), "seconds": round(result.seconds, 3)})
    return {"format": FORMAT, "suite": __version__, "server": server, "seconds": round(seconds, 1), "results": entries}


def tally(record: Record) -> dict[str, Counter[str]]:
    """For each level the number of cases of each status."""
    counts = {level: Counter(dict.fromkeys(STATUSES, 0)) for level in ("must", "should", "may")}
    for entry in record["results"]:
        counts[entry["level"]][entry["status"]] += 1
    return counts


def write(path: Path, record: Record) -> None:
    """Put it into a file."""
    path.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n")


def read(path: Path) -> Record:
    """Raises ValueError where the file is no record."""
    record = json.loads(path.read_text())
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise ValueError(f"{path} is no record of a run")
    return record
