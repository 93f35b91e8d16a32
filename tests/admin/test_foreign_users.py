"""The admin in a project with a user model of its own: UUID keys, email addresses for names."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def test_every_page_works_with_any_user_model(tmp_path: Path) -> None:
    variables = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.admin.foreign.settings",
        "JMAP_TEST_DATA_DIR": str(tmp_path),
    }

    done = subprocess.run(
        [sys.executable, "-m", "tests.admin.foreign.visit"],
        cwd=ROOT,
        env=variables,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "owner": "ada@mail.test",
        "readers": ["operator@mail.test"],
        "credential of": "ada@mail.test",
        "credentials found": 1,
        "pages": [200],
        "destroyed with its owner": True,
    }
