"""Reads the messages: ``NAME.eml`` holds the octets, ``NAME.json`` what is to be seen of them.

The JSON has ``title``, ``rfc`` and ``section``, and ``must`` and ``should``: a partial Email object each. Where it
says less than the server it agrees; lists agree member by member. Values may be questions instead:

- ``{"$oneOf": [...]}``: the RFCs leave the choice
- ``{"$contains": "text"}``: a string with that in it; ``{"$lacks": "text"}``: one without
- ``{"$matches": "expression"}``: a string that the regular expression finds
- ``{"$size": n}``: a list of so many members

Parts of bodies carry, besides their own properties, ``value`` and ``isEncodingProblem`` of their bodyValue, and
``content``, the text of their blob. ``mayRefuse`` says why a server may reject the message or repair it.
"""

from __future__ import annotations

import functools
import json
import re
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

from jmap_conformance import check
from jmap_conformance.outcome import Failure

KNOWN = {"title", "rfc", "section", "must", "should", "mayRefuse"}


@dataclass(frozen=True)
class Message:
    """One message and its expected view."""

    name: str
    source: bytes
    title: str
    rfc: int
    section: str
    must: dict[str, Any] = field(default_factory=dict)
    should: dict[str, Any] = field(default_factory=dict)
    may_refuse: str = ""


@functools.cache
def messages() -> dict[str, Message]:
    """All messages, by name."""
    folder = resources.files("jmap_conformance.library") / "messages"
    found = {}
    for entry in sorted(folder.iterdir(), key=lambda each: each.name):
        name, _, kind = entry.name.rpartition(".")
        if kind != "json":
            continue
        about = json.loads(entry.read_text(encoding="utf-8"))
        if set(about) - KNOWN or not (about.get("must") or about.get("should")):
            raise ValueError(f"{entry.name} has members that mean nothing, or demands nothing")
        found[name] = Message(
            name,
            (folder / f"{name}.eml").read_bytes(),
            about["title"],
            about["rfc"],
            about["section"],
            about.get("must", {}),
            about.get("should", {}),
            about.get("mayRefuse", ""),
        )
    return found


def agree(got: Any, wanted: Any, where: str) -> None:
    """Raise Failure where the server shows something else than is wanted."""
    if isinstance(wanted, dict) and any(key.startswith("$") for key in wanted):
        _answer(got, wanted, where)
    elif isinstance(wanted, dict):
        check.that(isinstance(got, dict), f"{where}: expected an object, got {check.show(got)}")
        for key, value in wanted.items():
            check.that(key in got, f"{where}: lacks {key}, it holds {check.show(sorted(got))}")
            agree(got[key], value, f"{where}.{key}")
    elif isinstance(wanted, list):
        fits = isinstance(got, list) and len(got) == len(wanted)
        check.that(fits, f"{where}: expected {len(wanted)} members {check.show(wanted)}, got {check.show(got)}")
        for number, (left, right) in enumerate(zip(got, wanted)):
            agree(left, right, f"{where}[{number}]")
    else:
        check.same(got, wanted, where)


def _answer(got: Any, question: dict[str, Any], where: str) -> None:
    for kind, value in question.items():
        if kind == "$oneOf":
            check.that(
                any(_agrees(got, each) for each in value),
                f"{where}: expected one of {check.show(value)}, got {check.show(got)}",
            )
        elif kind == "$contains":
            check.that(isinstance(got, str) and value in got, f"{where}: {check.show(got)} lacks {check.show(value)}")
        elif kind == "$lacks":
            check.that(
                isinstance(got, str) and value not in got, f"{where}: {check.show(got)} holds {check.show(value)}"
            )
        elif kind == "$matches":
            check.that(
                isinstance(got, str) and re.search(value, got), f"{where}: {check.show(got)} does not match {value}"
            )
        elif kind == "$size":
            check.that(
                isinstance(got, list) and len(got) == value, f"{where}: expected {value} members, got {check.show(got)}"
            )
        else:
            raise ValueError(f"{kind} is no question")


def _agrees(got: Any, wanted: Any) -> bool:
    try:
        agree(got, wanted, "")
    except Failure:
        return False
    return True
