#!/usr/bin/env python3
"""Writes docs/rfc-coverage.md: which sections of the RFCs are held by which tests.

Rules kept here: tests are read, not run (``@pytest.mark.rfc(8621, "4.1.2")`` on a test, its class or its module); all
sections stand in scripts/rfc_sections.txt, those that ask for no test behind a dash. With ``--check`` nothing is
written, and a stale table is an error.
"""

import ast
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "docs" / "rfc-coverage.md"
SECTIONS = ROOT / "scripts" / "rfc_sections.txt"

Section = tuple[int, str]
"""Number of the RFC and of the section, as ``(8621, "4.1.2")``."""

OWN_RULE: Section = (0, "")
"""Stands for a rule of this project that no RFC states."""

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


def marks_in(nodes: list[ast.expr]) -> Iterator[Section]:
    """The sections that ``pytest.mark.rfc`` names anywhere in the expressions, and OWN_RULE for ``pytest.mark.own``.

    Raises ValueError for a mark that is not a number and one section in a string.
    """
    for node in nodes:
        for call in ast.walk(node):
            if not isinstance(call, ast.Call):
                continue
            if ast.unparse(call.func) == "pytest.mark.own":
                yield OWN_RULE
            elif ast.unparse(call.func) == "pytest.mark.rfc":
                values = [argument.value for argument in call.args if isinstance(argument, ast.Constant)]
                match values:
                    case [int(number), str(section)]:
                        yield number, section
                    case _:
                        raise ValueError(f"line {call.lineno}: {ast.unparse(call)} is not rfc(number, section)")


def marked_tests(path: Path) -> Iterator[tuple[str, set[Section]]]:
    """The tests of a file and the sections that each is marked with."""
    tree = ast.parse(path.read_text())
    of_module: set[Section] = set()
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark":
            of_module.update(marks_in([node.value]))
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            of_class = of_module | set(marks_in(node.decorator_list))
            for inner in node.body:
                if is_test(inner):
                    yield f"{node.name}.{inner.name}", of_class | set(marks_in(inner.decorator_list))  # type: ignore[attr-defined]
        elif is_test(node):
            yield node.name, of_module | set(marks_in(node.decorator_list))  # type: ignore[attr-defined]


def is_test(node: ast.stmt) -> bool:
    """Whether pytest would collect the statement as a test; hypothesis' state machines are assigned, so not here."""
    return isinstance(node, FunctionNode) and node.name.startswith("test_")


def sections_of_rfcs() -> tuple[dict[Section, str], set[Section]]:
    """Titles of all sections, and those that ask for no test (examples, registrations, references)."""
    titles, silent = {}, set()
    for line in SECTIONS.read_text().splitlines():
        number, section, title = line.removeprefix("-").split(" ", 2)
        titles[int(number), section] = title
        if line.startswith("-"):
            silent.add((int(number), section))
    return titles, silent


def order(section: Section) -> tuple[object, ...]:
    """Sorts 4.10 after 4.9; sections that are no numbers come last."""
    parts = section[1].split(".")
    return section[0], [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts]


def render() -> str:
    """The whole document."""
    held: dict[Section, Counter[str]] = defaultdict(Counter)
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        try:
            for _name, sections in marked_tests(path):
                for marked in sections - {OWN_RULE}:
                    held[marked][path.relative_to(ROOT).as_posix()] += 1
        except ValueError as error:
            sys.exit(f"{path}: {error}")
    titles, silent = sections_of_rfcs()
    lines = ["# RFC sections and the tests that hold them", ""]
    lines += ["Made by `make docs` from the marks of the tests; a stale copy fails the checks.", ""]
    current = 0
    for number, section in sorted({*held, *titles} - (silent - set(held)), key=order):
        if number != current:
            lines += ["", f"## RFC {number}", "", "| § | | tests | where |", "|---|---|---|---|"]
            current = number
        files = held.get((number, section), Counter())
        where = ", ".join(f"[{name.removeprefix('tests/')}](../{name})" for name in sorted(files))
        title = titles.get((number, section), "")
        lines.append(f"| {section} | {title} | {sum(files.values()) or ''} | {where} |")
    return "\n".join(lines).replace("\n\n\n", "\n\n") + "\n"


def main(arguments: list[str]) -> None:
    """Write the document, or compare it with what it should be."""
    document = render()
    if arguments == ["--check"]:
        if not TABLE.exists() or TABLE.read_text() != document:
            sys.exit(f"{TABLE.relative_to(ROOT)} is stale: run `make docs`.")
        return
    TABLE.write_text(document)
    print(f"wrote {TABLE.relative_to(ROOT)}")


if __name__ == "__main__":
    main(sys.argv[1:])
