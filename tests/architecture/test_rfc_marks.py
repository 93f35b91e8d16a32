"""Every test names the RFC section, or the rule of this project, that it holds the code to."""

import subprocess
import sys
from pathlib import Path

from scripts.rfc_coverage import marked_tests, sections_of_rfcs

ROOT = Path(__file__).resolve().parent.parent.parent

OWN_RULES = {"admin", "architecture", "deploy", "search", "site"}
"""Folders whose tests hold the code to rules of this project, not of an RFC; elsewhere `pytest.mark.own` says so."""

FILES = [path for path in sorted((ROOT / "tests").rglob("test_*.py")) if path.parent.name not in OWN_RULES]


def test_every_test_says_what_it_holds_the_code_to() -> None:
    unmarked = [
        f"{path.relative_to(ROOT)}: {name}" for path in FILES for name, sections in marked_tests(path) if not sections
    ]

    assert unmarked == []


def test_every_mark_names_a_section_that_exists() -> None:
    known = set(sections_of_rfcs()[0])
    numbers = {number for number, _section in known}
    marked = {section for path in FILES for _name, sections in marked_tests(path) for section in sections}

    assert {section for section in marked if section[0] in numbers} - known == set()


def test_the_table_of_sections_is_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "rfc_coverage.py", "--check"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
