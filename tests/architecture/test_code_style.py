"""House rules about the text of the code: words at the door of every module, and nothing too long to read."""

import ast
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent

LONGEST_FILE = 500
LONGEST_FUNCTION = 70


def tracked_files() -> list[Path]:
    """The Python files of the repository, migrations left out."""
    listing = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    paths = [ROOT / name for name in listing.splitlines()]
    return [path for path in paths if path.exists() and "migrations" not in path.parts]


FILES = tracked_files()
SOURCES = [path for path in FILES if "tests" not in path.relative_to(ROOT).parts]


FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


def name_of(path: Path) -> str:
    """The path as a reader of the repository writes it."""
    return path.relative_to(ROOT).as_posix()


def test_every_module_says_what_it_is_for() -> None:
    trees = {name_of(path): ast.parse(path.read_text()) for path in FILES}

    assert [name for name, tree in trees.items() if tree.body and not ast.get_docstring(tree)] == []


def test_no_file_is_too_long() -> None:
    lengths = {name_of(path): len(path.read_text().splitlines()) for path in SOURCES}

    assert {name: length for name, length in lengths.items() if length > LONGEST_FILE} == {}


def test_no_function_is_too_long() -> None:
    offenders = [
        f"{name_of(path)}: {node.name}"
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, FunctionNode) and (node.end_lineno or 0) - node.lineno >= LONGEST_FUNCTION
    ]

    assert offenders == []


def test_every_public_function_and_class_says_what_it_does() -> None:
    offenders = [
        f"{name_of(path)}: {node.name}"
        for path in SOURCES
        for node in ast.parse(path.read_text()).body
        if isinstance(node, FunctionNode | ast.ClassDef)
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
    ]

    assert offenders == []
