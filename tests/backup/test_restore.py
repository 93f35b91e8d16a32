"""``manage.py restore``: yesterday is back, and who has seen the lost future neither believes in it nor mixes it in."""

from __future__ import annotations

import itertools
import json
from random import Random

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from jmap.backup import folder as folders
from jmap.backup import sql
from jmap.backup.folder import BackupFolder
from jmap.blobs import collector
from jmap.blobs.storage import default_store
from jmap.models import Account
from tests.backup.conftest import message, run
from tests.blobs.bucket import bucket, s3, s3_service  # noqa: F401  fixtures
from tests.mail.email.conftest import Person
from tests.replay.client import TYPES, Moment, Objects, follow, look
from tests.replay.history import House
from tests.store.invariants import check

pytestmark = pytest.mark.django_db(transaction=True)

EVERYTHING = [{"filter": None, "sort": [{"property": "receivedAt"}]}]
_numbers = itertools.count()


@pytest.fixture
def house(person) -> House:
    """An account with a history."""
    return lived(House.open(person, f"r{next(_numbers)}"), Random(3), 10)


def lived(house: House, chance: Random, steps: int) -> House:
    """The same, some steps later."""
    for _ in range(steps):
        house.take(chance)
    return house


class Client:
    """Somebody who keeps a cache as RFC 8620 §5.2 says: by /changes, and anew where changes cannot be calculated."""

    def __init__(self, house: House, person: Person) -> None:
        self.house, self.person = house, person
        self.refetched: list[str] = []
        seen = self.see()
        self.states, self.objects = dict(seen.states), dict(seen.objects)

    def see(self) -> Moment:
        """A fresh fetch."""
        return look(self.house, self.person, EVERYTHING, [])

    def sync(self) -> None:
        """Catch up."""
        fresh = self.see()
        for name in TYPES:
            arguments = {"accountId": self.house.account_id, "sinceState": self.states[name]}
            ((method, answer, _),) = self.person.send((f"{name}/changes", arguments, "0"))["methodResponses"]
            if method == "error":
                assert answer["type"] == "cannotCalculateChanges"
                self.refetched.append(name)
                self.states[name], self.objects[name] = fresh.states[name], fresh.objects[name]
            else:
                self.states[name], self.objects[name] = follow(
                    *(self.house, self.person, name, self.states[name], self.objects[name], fresh.objects[name], None)
                )


def ids(*moments: Moment) -> dict[str, set[str]]:
    """Every id by type that was seen, blobs too."""
    found = {name: {key for one in moments for key in one.objects[name]} for name in TYPES}
    found["Blob"] = {email["blobId"] for one in moments for email in one.objects["Email"].values()}
    return found


def of_yesterday(objects: dict[str, Objects], yesterday: Moment) -> bool:
    """Whether a cache holds what was there then."""
    return objects == yesterday.objects


@pytest.mark.rfc(8620, "5.2")
@pytest.mark.rfc(8620, "5.6")
def test_yesterdays_backup_under_a_syncing_client_ends_equal_to_a_fresh_fetch(house: House, folder) -> None:
    clients = [Client(house, house.owner), Client(house, house.guest)]
    yesterday = clients[0].see()
    run("backup", folder)
    lived(house, Random(4), 12)
    for client in clients:
        client.sync()
    future = clients[0].see()
    assert future.objects != yesterday.objects

    run("restore", folder, force=True)

    for client in clients:
        client.sync()
        assert client.refetched == list(TYPES)
        assert (client.states, client.objects) == (client.see().states, client.see().objects)
    assert of_yesterday(clients[0].objects, yesterday)
    stale = {"accountId": house.account_id, **EVERYTHING[0], "sinceQueryState": future.lists[0][0]}
    assert house.owner.error("Email/queryChanges", **stale)["type"] == "cannotCalculateChanges"
    lived(house, Random(5), 12)
    for client in clients:
        client.sync()
        assert client.refetched == list(TYPES)
        assert (client.states, client.objects) == (client.see().states, client.see().objects)
    for account in Account.objects.all():
        check(account.pk)


@pytest.mark.rfc(8620, "1.2")
def test_no_id_of_the_lost_future_is_given_out_again_even_where_the_backup_is_restored_twice(
    house: House, folder
) -> None:
    yesterday = look(house, house.owner, EVERYTHING, [])
    run("backup", folder)
    seen = [yesterday]
    epochs = []
    for seed in (6, 7, 8):
        lived(house, Random(seed), 8)
        moment = look(house, house.owner, EVERYTHING, [])
        new = {name: found - ids(yesterday)[name] for name, found in ids(moment).items()}
        assert new["Email"]
        assert not any(new[name] & ids(*seen)[name] for name in new)
        seen.append(moment)
        run("restore", folder, force=True)
        epochs.append(Account.objects.get(pk=house.owner.account.pk).epoch)

    assert epochs == sorted(set(epochs))


@pytest.mark.rfc(8620, "1.2")
@pytest.mark.own("restored keys go on past what was given out")
def test_every_count_of_keys_has_jumped(person, folder) -> None:
    person("ada")
    run("backup", folder)
    before = sql.reached(sql.numbered_tables())

    run("restore", folder)

    after = sql.reached(sql.numbered_tables())
    assert set(before) == set(after)
    assert "jmap_submission_emailsubmission" in after
    assert all(after[table] >= before[table] + 1_000_000 for table in before)


@pytest.mark.own("a restore touches nothing before it knows that it may")
def test_a_site_that_holds_mail_is_given_up_only_by_force(person, folder) -> None:
    ada = person("ada")
    run("backup", folder)
    kept = ada.deliver(message("kept"))

    with pytest.raises(CommandError, match="holds mail"):
        run("restore", folder)
    assert ada.get(kept, "subject")["subject"] == "kept"
    run("restore", folder, force=True)

    assert ada.call("Email/get", ids=[kept])["notFound"] == [kept]


@pytest.mark.own("a restore touches nothing before it knows that it may")
def test_a_backup_of_a_newer_version_is_refused(person, folder, monkeypatch) -> None:
    ada = person("ada")
    run("backup", folder)
    kept = ada.deliver(message("kept"))
    change_manifest(folder, lambda fields: fields["schema"]["jmap_mail"].append("9999_future"))

    with pytest.raises(CommandError, match=r"newer version made the backup \(it has jmap_mail.9999_future\)"):
        run("restore", folder, force=True)

    assert ada.get(kept, "subject")["subject"] == "kept"


@pytest.mark.own("a restore touches nothing before it knows that it may")
def test_a_backup_of_another_kind_of_database_is_refused(person, folder) -> None:
    run("backup", folder)
    change_manifest(folder, lambda fields: fields.update(kind="oracle"))

    with pytest.raises(CommandError, match="this is a backup of oracle"):
        run("restore", folder, force=True)


@pytest.mark.own("a restore is one commit")
def test_a_restore_that_fails_in_the_database_leaves_it_as_it_was(person, folder, monkeypatch) -> None:
    ada = person("ada")
    run("backup", folder)
    kept = ada.deliver(message("kept"))
    monkeypatch.setattr(sql, "new_epoch", lambda epoch: "SELECT no_such_thing()")

    with pytest.raises(CommandError, match=r"left as it was.*no_such_thing"):
        run("restore", folder, force=True)

    assert ada.get(kept, "subject")["subject"] == "kept"
    check(ada.account.pk)


@pytest.mark.own("octets are looked at on the way")
def test_missing_and_damaged_octets_of_the_site_are_mended(person, folder, blob_root) -> None:
    ada = person("ada")
    mails = {name: ada.deliver(message(name, size)) for name, size in (("a", 0), ("b", 0), ("c", 700_000))}
    run("backup", folder)
    lost, damaged, large = (ada.get(email, "blobId")["blobId"] for email in mails.values())
    ada.lose_octets(lost)
    for path in blob_root.rglob("?" * 64):
        path.chmod(0o600)
        path.write_bytes(bytes(path.stat().st_size))

    run("restore", folder, force=True)

    assert [ada.octets(blob) for blob in (lost, damaged)] == [message("a"), message("b")]
    assert ada.octets(large) == message("c", 700_000)


@pytest.mark.own("a backup holds octets wherever they are kept")
def test_a_site_with_its_octets_in_s3_is_brought_back(person, folder, s3) -> None:  # noqa: F811
    ada = person("ada")
    blobs = [ada.get(ada.deliver(message(*given)), "blobId")["blobId"] for given in (("a", 0), ("large", 700_000))]
    run("backup", folder)
    for blob in blobs:
        ada.lose_octets(blob)

    run("restore", folder, force=True)

    assert [ada.octets(blob) for blob in blobs] == [message("a"), message("large", 700_000)]


@pytest.mark.own("a restore touches nothing before it knows that it may")
def test_an_older_backup_can_be_named(person, folder) -> None:
    ada = person("ada")
    first = ada.deliver(message("first"))
    name = run("backup", folder).split()[1].rstrip(":")
    second = ada.deliver(message("second"))
    run("backup", folder)

    run("restore", folder, backup=name, force=True)

    answer = ada.call("Email/get", ids=[first, second], properties=["id"])
    assert (answer["list"], answer["notFound"]) == ([{"id": first}], [second])
    with pytest.raises(CommandError, match="there is no backup nonesuch"):
        run("restore", folder, backup="nonesuch", force=True)


@pytest.mark.own("the collector walks over the rows, not over their keys")
def test_the_collector_works_as_before_after_a_restore(person, folder) -> None:
    ada = person("ada")
    ada.deliver(message("a"))
    run("backup", folder)
    run("restore", folder, force=True)
    ada.deliver(message("b"))

    assert len(list(collector._ranges())) == 1
    assert len(list(default_store().keys(ada.account.pk))) == 2


@pytest.mark.own("an old schema is brought up to date")
def test_a_backup_of_an_older_version_is_migrated(person, folder) -> None:
    person("ada")
    call_command("migrate", "jmap_push", "0001", verbosity=0)
    try:
        run("backup", folder)
    finally:
        call_command("migrate", verbosity=0)

    run("restore", folder, force=True)

    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM django_migrations WHERE app = 'jmap_push'")
        assert cursor.fetchone()[0] == len(list(BackupFolder(folder).find(None).manifest().schema["jmap_push"])) + 1
    last = sql.reached(sql.numbered_tables())
    assert all(last[table] >= 1_000_000 for table in last if table.startswith("jmap_"))


@pytest.mark.rfc(8620, "1.2")
def test_keys_go_on_where_they_were_when_a_migration_makes_tables_anew(transactional_db) -> None:
    tables = sql.numbered_tables()
    sql.run(list(sql.jump(tables, 5_000, {})))
    before = sql.reached(tables)

    call_command("migrate", "jmap_push", "0001", verbosity=0)
    call_command("migrate", verbosity=0)

    after = sql.reached(tables)
    assert [table for table, key in before.items() if after[table] < key] == []


def change_manifest(root, change) -> None:
    """Write a manifest that says something else, sealed as if it had been made so."""
    (generation,) = BackupFolder(root).whole()
    path = generation.path / folders.MANIFEST
    fields = json.loads(path.read_text())
    fields.pop("seal")
    change(fields)
    path.write_text(json.dumps({**fields, "seal": folders._digest(fields)}))
