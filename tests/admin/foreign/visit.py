"""A visit to every page of the admin in a project with a user model of its own; prints what came of it as JSON.

Run as a program, since a process has one user model.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import django
from django.test.utils import get_runner, setup_test_environment


def main() -> None:
    """Set the project up on a database of its own, and walk through the admin."""
    django.setup()
    setup_test_environment()
    from django.conf import settings

    runner = get_runner(settings)(verbosity=0, interactive=False)
    databases = runner.setup_databases()
    try:
        json.dump(walk(), sys.stdout)
    finally:
        runner.teardown_databases(databases)


def walk() -> dict[str, Any]:
    """What an operator does, and what is there afterwards."""
    from django.contrib.auth import get_user_model
    from django.test import Client

    from jmap.models import Account, Credential
    from mail.services import accounts

    accounts.create_domain("mail.test")
    people: Any = get_user_model()
    client = Client()
    client.force_login(people.objects.create_superuser("operator@mail.test", "secret"))
    client.post("/admin/jmap_core/account/add/", {"address": "ada@mail.test", "password": "long enough 42"})
    account = Account.objects.get()
    form = {"user": "ada@mail.test", "kind": "app", "name": "Phone"}
    client.post("/admin/jmap_core/credential/add/", form)
    shared = {
        "name": "Ada",
        "is_active": "on",
        "access-TOTAL_FORMS": 1,
        "access-INITIAL_FORMS": 0,
        "access-0-user": "operator@mail.test",
        "addresses-TOTAL_FORMS": 0,
        "addresses-INITIAL_FORMS": 0,
    }
    client.post(f"/admin/jmap_core/account/{account.pk}/change/", shared)
    pages = [
        f"/admin/{app}/{model}/?q=ada@mail.test"
        for app, models in {
            "jmap_core": ("account", "blob", "credential", "upload"),
            "jmap_mail": ("address", "domain", "email", "mailbox"),
        }.items()
        for model in models
    ]
    seen = {page: client.get(page).status_code for page in [*pages, f"/admin/jmap_core/account/{account.pk}/change/"]}
    found = client.get("/admin/jmap_core/credential/?q=ada@mail.test").context["cl"].result_count
    holder = Credential.objects.get().user.email
    owner, readers = account.user.email, [access.user.email for access in account.access.all()]
    account.user.delete()
    account.refresh_from_db()
    return {
        "owner": owner,
        "readers": readers,
        "credential of": holder,
        "credentials found": found,
        "pages": sorted(set(seen.values())),
        "destroyed with its owner": account.destroyed_at is not None,
    }


if __name__ == "__main__":
    main()
