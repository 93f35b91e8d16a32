"""What every synchronised row carries, and what it leaves behind (RFC 8620 §5.2).

Rules kept here:
- a row has the modseq of its creation and of its last change; no two changed rows of an account share one;
- destroying leaves a tombstone; purging removes tombstones and moves ``TypeState.history_modseq``;
- nothing is written past the services: outside ``jmap.store.writing`` every write method of a tracked model raises.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.db import models

from jmap.models.account import Account

_services_write: ContextVar[bool] = ContextVar("jmap_services_write", default=False)


class WritePastServices(RuntimeError):
    """A tracked row was about to be written without its account's lock; clients would never hear of it."""


@contextmanager
def services_write() -> Iterator[None]:
    """Open tracked models for writing; only ``jmap.store.writing`` and migrations of derived data may use it."""
    token = _services_write.set(True)
    try:
        yield
    finally:
        _services_write.reset(token)


def _guard(model: type[models.Model]) -> None:
    if not _services_write.get():
        raise WritePastServices(
            f"{model.__name__} rows are synchronised to clients: write them through the services of the app, "
            "inside jmap.store.writing(account)."
        )


class TrackedQuerySet(models.QuerySet[Any]):
    """A QuerySet whose writing methods want the account's lock to be held."""

    def create(self, **kwargs: Any) -> Any:
        _guard(self.model)
        return super().create(**kwargs)

    def bulk_create(self, objs: Iterable[Any], *args: Any, **kwargs: Any) -> list[Any]:
        _guard(self.model)
        return super().bulk_create(objs, *args, **kwargs)

    def bulk_update(self, objs: Iterable[Any], *args: Any, **kwargs: Any) -> int:
        _guard(self.model)
        return super().bulk_update(objs, *args, **kwargs)

    def update(self, **kwargs: Any) -> int:
        _guard(self.model)
        return super().update(**kwargs)

    def delete(self) -> tuple[int, dict[str, int]]:
        _guard(self.model)
        return super().delete()

    def _raw_delete(self, using: str | None) -> int:
        _guard(self.model)
        return super()._raw_delete(using)


class GuardedModel(models.Model):
    """A row that belongs to a synchronised object and may be written by the services alone."""

    objects = TrackedQuerySet.as_manager()

    class Meta:
        abstract = True
        base_manager_name = "objects"

    def save_base(self, *args: Any, **kwargs: Any) -> None:
        _guard(type(self))
        super().save_base(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        _guard(type(self))
        return super().delete(*args, **kwargs)


class TrackedModel(GuardedModel):
    """An object that clients synchronise: it belongs to an account and carries its modseqs."""

    account = models.ForeignKey(Account, models.PROTECT, related_name="+", db_index=False)
    created_modseq = models.PositiveBigIntegerField(editable=False)
    modseq = models.PositiveBigIntegerField(editable=False)

    class Meta(GuardedModel.Meta):
        abstract = True


class Tombstone(GuardedModel):
    """What is left of a destroyed object: enough to tell clients, nothing of what it held (RFC 8620 §5.2)."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="+", db_index=False)
    type = models.CharField(max_length=64)
    object_id = models.BigIntegerField()
    created_modseq = models.PositiveBigIntegerField()
    modseq = models.PositiveBigIntegerField()

    class Meta(GuardedModel.Meta):
        indexes = [models.Index(fields=["account", "type", "modseq"], name="jmap_core_tombstone_event")]

    def __str__(self) -> str:
        return f"{self.type} {self.object_id} destroyed at {self.modseq}"
