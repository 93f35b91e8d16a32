"""The layering of the rooms: the contracts of pyproject.toml, and what they cannot say, read from the source."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent

STATEMENT = re.compile(
    r"\s*(SELECT\s|INSERT\s+INTO\s|UPDATE\s+\w+\s+(\w+\s+)?SET\s|DELETE\s+FROM\s|WITH\s+\w+.*\sAS\s)"
)
"""How a text begins that is SQL; beginning and ending a transaction is not meant."""

WITHOUT_REQUESTS = [
    "jmap/models",
    "jmap/store.py",
    "jmap/blobs",
    "mail/models",
    "mail/services",
    "mail/queries",
    "submission/models",
    "submission/services",
]


def python_files(*places: str) -> list[Path]:
    """All source files in the folders, and the files themselves, migrations left out."""
    found: list[Path] = []
    for place in places:
        path = ROOT / place
        found += [path] if path.is_file() else sorted(path.rglob("*.py"))
    return [path for path in found if "migrations" not in path.parts]


def imported_modules(path: Path) -> Iterator[str]:
    """Absolute names of the modules that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_every_import_contract_is_kept() -> None:
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_protocol_core_imports_the_standard_library_alone() -> None:
    foreign = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in python_files("jmap/protocol")
        for name in imported_modules(path)
        if name.partition(".")[0] not in sys.stdlib_module_names and not f"{name}.".startswith("jmap.protocol.")
    }

    assert foreign == set()


def test_models_and_services_take_no_request() -> None:
    offenders = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in python_files(*WITHOUT_REQUESTS)
        for name in imported_modules(path)
        if name.startswith("django.http")
    ]

    assert offenders == []


def test_sql_stands_in_sql_modules_only() -> None:
    offenders = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in python_files("jmap", "mail", "push", "submission", "jmapsite")
        if path.name != "sql.py" and path.parent.name != "sql"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and STATEMENT.match(node.value)
    ]

    assert offenders == []
