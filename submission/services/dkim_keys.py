"""DKIM keys of domains: made, published, put to use, and retired.

Rules kept here: a key signs only once a person says that its record is published; who takes its place retires it; a
retired key is removed when what it signed has arrived or never will.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from mail.models import Domain
from submission import secrets
from submission.conf import submission_options
from submission.dkim import keys
from submission.dkim.sign import Signer
from submission.models import DkimKey
from submission.services.errors import NotPossible

_loaded: dict[tuple[int, str], Signer] = {}
"""Keys in use, by row and sealed text: reading a PEM costs as much as signing."""


def create(domain: Domain, algorithm: str, selector: str = "", now: datetime | None = None) -> DkimKey:
    """A new key, which signs nothing yet; its selector is named after the day where none is given."""
    moment = now or timezone.now()
    pem = keys.generate(algorithm)
    taken = set(DkimKey.objects.filter(domain=domain).values_list("selector", flat=True))
    day = f"{'e' if algorithm == keys.ED25519 else 'r'}{moment:%Y%m%d}"
    free = selector or next(name for n in range(len(taken) + 1) if (name := day + (f"-{n}" if n else "")) not in taken)
    return DkimKey.objects.create(
        domain=domain,
        selector=free,
        algorithm=algorithm,
        sealed_key=secrets.seal(pem),
        record=keys.record(pem),
        created_at=moment,
    )


def activate(key: DkimKey, now: datetime | None = None) -> None:
    """Sign with a key from now on; the one of its domain and algorithm that did so until now is retired."""
    moment = now or timezone.now()
    stage = DkimKey.Stage
    with transaction.atomic():
        Domain.objects.select_for_update().get(pk=key.domain_id)
        same = DkimKey.objects.filter(domain_id=key.domain_id, algorithm=key.algorithm)
        same.filter(stage=stage.ACTIVE).exclude(pk=key.pk).update(stage=stage.RETIRED, retired_at=moment)
        same.filter(pk=key.pk).update(stage=stage.ACTIVE, activated_at=moment, retired_at=None)


def retire(key: DkimKey, now: datetime | None = None) -> None:
    """Sign with a key no more."""
    DkimKey.objects.filter(pk=key.pk).update(stage=DkimKey.Stage.RETIRED, retired_at=now or timezone.now())


def remove(key: DkimKey) -> None:
    """Remove a key that does not sign. Raises NotPossible."""
    if not DkimKey.objects.filter(pk=key.pk).exclude(stage=DkimKey.Stage.ACTIVE).delete()[0]:
        raise NotPossible(_("the key signs mail; retire it first"))


def zone_line(key: DkimKey) -> str:
    """The record to publish, as a zone file has it."""
    return keys.zone_line(key.selector, key.domain.name, key.record)


def purge(now: datetime | None = None) -> int:
    """Remove keys that were retired longer ago than the grace; how many."""
    before = (now or timezone.now()) - timedelta(days=submission_options().dkim_grace_days)
    return DkimKey.objects.filter(stage=DkimKey.Stage.RETIRED, retired_at__lt=before).delete()[0]


def signers(domains: Iterable[str]) -> dict[str, list[Signer]]:
    """The keys that sign for each of these domains. Raises SealBroken, ValueError."""
    found: dict[str, list[Signer]] = {}
    active = DkimKey.objects.filter(domain__name__in=set(domains), stage=DkimKey.Stage.ACTIVE).order_by("algorithm")
    for row in active.values_list("pk", "domain__name", "selector", "sealed_key"):
        found.setdefault(row[1], []).append(_signer(*row))
    return found


def _signer(pk: int, domain: str, selector: str, sealed: str) -> Signer:
    signer = _loaded.get((pk, sealed))
    if signer is None:
        if len(_loaded) > 1_000:
            _loaded.clear()
        signer = _loaded[pk, sealed] = Signer(domain, selector, keys.load(secrets.unseal(sealed)))
    return signer
