"""What the whole suite shares: which database it runs on, and data that some tests need from outside."""

import os
from pathlib import Path

import pytest
from django.db import connection


def pytest_report_header(config: pytest.Config) -> str:
    """Name the database in the first lines of a run."""
    return f"database: {os.environ.get('TEST_DATABASE', 'sqlite')}"


@pytest.fixture
def on_postgresql() -> bool:
    """Whether the suite runs on PostgreSQL."""
    return connection.vendor == "postgresql"


@pytest.fixture(scope="session")
def mail_corpus() -> Path:
    """The folder of real mail that MAIL_CORPUS names; tests that ask for it are skipped where it is not set."""
    folder = os.environ.get("MAIL_CORPUS")
    if not folder:
        pytest.skip("MAIL_CORPUS names no folder of real mail")
    return Path(folder)
