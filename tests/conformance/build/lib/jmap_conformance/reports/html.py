"""Runs as one HTML page that needs nothing else: filter, search, exchanges of failures, servers side by side."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any

from jmap_conformance.reports.record import Record

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>JMAP conformance</title>
<style>
{style}</style>
<header>
<h1>JMAP conformance</h1>
<table id="tally"></table>
<form id="filter">
<input type="search" name="text" placeholder="Search cases, requirements, messages" aria-label="Search">
<select name="level" aria-label="Level"><option value="">every level<option>must<option>should<option>may</select>
<select name="status" aria-label="Status"><option value="">every status<option>failed<option>error<option>passed
<option>not run<option>not applicable<option value="differs">servers differ</select>
<output></output>
</form>
</header>
<main></main>
<script type="application/json" id="runs">{data}</script>
<script>
{script}</script>
</html>
"""


def write(path: Path, records: list[Record]) -> None:
    """Put the page into a file; cases are said once, results once for each server."""
    cases: dict[str, dict[str, Any]] = {}
    for record in records:
        for each in record["results"]:
            about = {key: each[key] for key in ("id", "level", "rfc", "section", "requirement", "means")}
            cases.setdefault(each["id"], about)
    kept = ("status", "message", "seconds", "exchanges", "curl")
    runs = [
        {
            "server": record["server"],
            "seconds": record["seconds"],
            "results": {each["id"]: {key: each[key] for key in kept} for each in record["results"]},
        }
        for record in records
    ]
    # Within a script element only "</" and "<!--" could end or confuse it.
    data = json.dumps({"cases": list(cases.values()), "runs": runs}, ensure_ascii=False).replace("<", "\\u003c")
    folder = resources.files("jmap_conformance.reports")
    style, script = (folder / "page.css").read_text(), (folder / "page.js").read_text()
    page = PAGE.replace("{style}", style).replace("{script}", script).replace("{data}", data)
    path.write_text(page, encoding="utf-8", errors="backslashreplace")
