"""What the clerk can do."""

import datetime
from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.contrib.auth.signals import user_logged_out
from django.contrib.sessions.backends.db import SessionStore
from django.db.models import F
from django.utils import timezone

from jmap.models import Account, AccountAccess, Credential
from jmap.models.credential import digest
from jmap.store import writing
from mail.services import accounts
from push.models import Ticket

User = get_user_model()


def person(name: str) -> dict[str, Any]:
    """A user with a password and an account."""
    user = User.objects.create_user(name, password=f"{name}'s pässword")
    account = Account.objects.create(name=name, user=user)
    return {"name": name, "password": f"{name}'s pässword", "account": account.wire_id}


def writer(name: str) -> dict[str, Any]:
    """A person who has an address, and so can send."""
    accounts.create_domain("wire.test")
    account = accounts.create_user_and_account(
        username=name, password=f"{name}'s pässword", address=f"{name}@wire.test"
    )
    return {"name": name, "password": f"{name}'s pässword", "account": account.wire_id}


def share(owner: str, guest: str, is_read_only: bool) -> None:
    """Let a user into another's account."""
    account = Account.objects.get(user__username=owner)
    AccountAccess.objects.create(account=account, user=User.objects.get(username=guest), is_read_only=is_read_only)


def credential(name: str, kind: str, hours: int | None = None) -> str:
    """A new secret, which holds for that many hours from now."""
    expires_at = None if hours is None else timezone.now() + datetime.timedelta(hours=hours)
    return Credential.issue(User.objects.get(username=name), kind, "test", expires_at=expires_at)[1]


def revoke(name: str) -> None:
    """Revoke all secrets of a user."""
    Credential.objects.filter(user__username=name).update(revoked_at=timezone.now())


def revoke_by_service(name: str) -> None:
    """Revoke all secrets of a user as the admin does."""
    Credential.revoke(Credential.objects.filter(user__username=name).values_list("pk", flat=True))


def change(name: str, **fields: Any) -> None:
    """Change a user's password or another field."""
    user = User.objects.get(username=name)
    if "password" in fields:
        user.set_password(fields.pop("password"))
    for field, value in fields.items():
        setattr(user, field, value)
    user.save()


def rename_account(name: str, to: str) -> None:
    """Give a user's account another name."""
    Account.objects.filter(user__username=name).update(name=to)


def close_account(name: str) -> None:
    """Mark a user's account destroyed."""
    Account.objects.filter(user__username=name).update(destroyed_at=timezone.now())


def delete(name: str) -> None:
    """Remove a user, as a host site might."""
    User.objects.get(username=name).delete()


def sign_in(name: str) -> str:
    """A session cookie as a log-in page of the site would set it."""
    user = User.objects.get(username=name)
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    return f"{settings.SESSION_COOKIE_NAME}={session.session_key}"


def sign_out(name: str, cookie: str) -> None:
    """End a session as a log-out page would."""
    SessionStore(cookie.partition("=")[2]).flush()
    user_logged_out.send(sender=User, request=None, user=User.objects.get(username=name))


def touch(name: str, types: list[str]) -> dict[str, str]:
    """Change types of a user's account, each once in one transaction, and the states that they have now."""
    account = Account.objects.get(user__username=name)
    with writing(account.pk) as writer:
        for type_name in types:
            writer.next(type_name)
        return {type_name: writer.state(type_name) for type_name in types}


def quietly(name: str, **fields: Any) -> None:
    """Change a user by a bare update, which tells nobody."""
    User.objects.filter(username=name).update(**fields)


def unshare(owner: str, guest: str) -> None:
    """Keep a user out of another's account."""
    AccountAccess.objects.filter(account__user__username=owner, user__username=guest).delete()


def ticket_digests(name: str, secret: str) -> dict[str, int]:
    """How many tickets of a user are stored under the digest of a secret, and under the secret itself."""
    of_user = Ticket.objects.filter(user__username=name)
    stored = of_user.filter(secret_digest=digest(secret)).count()
    return {"stored": stored, "readable": of_user.filter(secret_digest=secret.encode()).count()}


def age_tickets(name: str, minutes: int) -> None:
    """Make a user's tickets older than they are."""
    age = datetime.timedelta(minutes=minutes)
    Ticket.objects.filter(user__username=name).update(good_until=F("good_until") - age, ends_at=F("ends_at") - age)


ENTRIES = {
    entry.__name__: entry
    for entry in (
        person,
        writer,
        share,
        unshare,
        credential,
        revoke,
        revoke_by_service,
        change,
        quietly,
        rename_account,
        close_account,
        delete,
        sign_in,
        sign_out,
        touch,
        ticket_digests,
        age_tickets,
    )
}
