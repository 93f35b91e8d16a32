"""``manage.py setup``: a production site's first administrator, domain and mailbox."""

from io import StringIO

import pytest
from django.contrib.auth import authenticate, get_user_model
from django.core.management import call_command
from django.core.management.base import CommandError

from mail.models import Address, Domain, Mailbox

PASSWORDS = {"SETUP_ADMIN_PASSWORD": "plum-anchor-violet-9", "SETUP_MAILBOX_PASSWORD": "cedar-lantern-mist-4"}


def setup(address: str = "Ada@Example.ORG", admin: str = "root") -> str:
    """Run the command without a terminal and give what it prints."""
    output = StringIO()
    call_command("setup", admin=admin, address=address, name="Ada", stdout=output)
    return output.getvalue()


@pytest.fixture
def passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords in the environment, and no terminal."""
    for name, value in PASSWORDS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.stdin", StringIO())


@pytest.mark.django_db
@pytest.mark.usefixtures("passwords")
def test_setup_makes_an_admin_a_domain_and_a_mailbox() -> None:
    setup()

    assert authenticate(username="root", password=PASSWORDS["SETUP_ADMIN_PASSWORD"]).is_superuser
    owner = authenticate(username="ada@example.org", password=PASSWORDS["SETUP_MAILBOX_PASSWORD"])
    assert not owner.is_staff
    account = Address.objects.get(domain__name="example.org", local_part="ada").account
    assert account.user == owner
    roles = set(Mailbox.objects.filter(account=account).values_list("role", flat=True))
    assert {"inbox", "drafts", "sent", "trash", "junk", "archive"} <= roles


@pytest.mark.django_db
@pytest.mark.usefixtures("passwords")
def test_setup_run_again_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    setup()
    for name in PASSWORDS:
        monkeypatch.delenv(name)

    output = setup()

    assert output.count("exists already") == 2
    assert (Domain.objects.count(), Address.objects.count(), get_user_model().objects.count()) == (1, 1, 2)


@pytest.mark.django_db
@pytest.mark.usefixtures("passwords")
def test_setup_adds_a_second_mailbox_of_the_same_domain() -> None:
    setup()

    setup(address="grace@example.org")

    assert (Domain.objects.count(), Address.objects.count()) == (1, 2)


@pytest.mark.django_db
@pytest.mark.usefixtures("passwords")
def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(CommandError, match="ada is not an address"):
        setup(address="ada")

    assert Domain.objects.count() == 0


@pytest.mark.django_db
@pytest.mark.usefixtures("passwords")
def test_a_weak_password_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SETUP_ADMIN_PASSWORD", "12345")

    with pytest.raises(CommandError, match="too short"):
        setup()

    assert not get_user_model().objects.exists()


@pytest.mark.django_db
@pytest.mark.usefixtures("passwords")
def test_a_user_of_the_admins_name_is_not_made_an_admin() -> None:
    get_user_model().objects.create_user("root")

    with pytest.raises(CommandError, match="no administrator"):
        setup()


@pytest.mark.django_db
def test_without_terminal_and_password_setup_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", StringIO())

    with pytest.raises(CommandError, match="SETUP_ADMIN_PASSWORD"):
        setup()
