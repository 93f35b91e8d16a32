"""Who needs a blob: the rows that keep it from the collector, and those that open it to the readers of an account.

Rules kept here:
- every foreign key to Blob, in any installed app, keeps the blob: nothing has to be declared for its safety;
- what opens a blob to everybody who may read the account is declared, since not every row should (RFC 8620 §6: access
  follows the object that holds the reference): the Email does, its retained copy after destroying does not;
- an Upload is neither: it keeps its blob and opens it to the uploader alone.
"""

from __future__ import annotations

from functools import lru_cache

from django.apps import apps
from django.db import connection
from django.db.models import ForeignObjectRel, Model

_visible: dict[str, tuple[str, str]] = {}


def register(name: str, model: str, field: str = "blob") -> None:
    """Declare that a row of ``model`` ("app_label.Model") opens the blob of its ``field`` to the account's readers.

    The column must be indexed; call it from ``AppConfig.ready``. A second call of one ``name`` replaces the first.
    """
    _visible[name] = (model, field)
    visible.cache_clear()


def unregister(name: str) -> None:
    """Take a declaration back."""
    _visible.pop(name, None)
    visible.cache_clear()


@lru_cache(maxsize=1)
def visible() -> tuple[tuple[str, str], ...]:
    """(table, column), quoted, of every reference that opens a blob."""
    return tuple(_names(apps.get_model(model), field) for model, field in _visible.values())


@lru_cache(maxsize=1)
def pinning() -> tuple[tuple[str, str], ...]:
    """(table, column), quoted, of every reference that keeps a blob, uploads left out."""
    from jmap.models import Blob, Upload

    return tuple(
        _names(relation.related_model, relation.field.name)
        for relation in Blob._meta.get_fields(include_hidden=True)
        if isinstance(relation, ForeignObjectRel) and relation.related_model not in (None, Upload)
    )


def _names(model: type[Model], field: str) -> tuple[str, str]:
    quote = connection.ops.quote_name
    return quote(model._meta.db_table), quote(str(model._meta.get_field(field).column))  # type: ignore[union-attr]
