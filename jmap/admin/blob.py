"""Blobs in the admin: metadata. Opening the content needs a permission of its own and leaves an audit entry.

Rules kept here:
- the audit entry is committed before the first octet is read;
- content leaves as a file to save, sandboxed, and is kept by no cache;
- content is opened by a button (POST), so that nothing that merely follows links opens it.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.core.handlers.asgi import ASGIRequest
from django.db.models import ForeignObjectRel, QuerySet
from django.http import HttpRequest, HttpResponseNotAllowed, HttpResponseRedirect, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.template.defaultfilters import filesizeformat
from django.urls import NoReverseMatch, URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import mark_safe
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from jmap.admin.base import ReadOnlyAdmin
from jmap.admin.users import accounts_of
from jmap.blobs import service, transfer
from jmap.blobs.errors import ObjectMissing
from jmap.ids import decode
from jmap.models import Account, Blob

PERMISSION = "jmap_core.open_blob"
MOST_REFERENCES = 20
_DIGEST = re.compile(r"[0-9a-fA-F]{64}")


@admin.register(Blob)
class BlobAdmin(ReadOnlyAdmin):
    """What is stored for an account: how large, since when, and what needs it."""

    list_display = ("wire_id_shown", "account", "size_shown", "digest_shown", "created_at", "dying_since")
    list_select_related = ("account",)
    fields = ("wire_id_shown", "account", "size_shown", "digest_shown", "created_at", "dying_since", "referenced_by")
    search_fields = ("pk",)
    search_help_text = _(
        "A blob id (b…), an account id (u…), the name of an account's owner, or a SHA-256 in hexadecimal; several "
        "words narrow the search. Lists end after 10,000 rows."
    )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Every way of searching has an index."""
        for word in search_term.split():
            if _DIGEST.fullmatch(word):
                # The index is by account and digest: with all accounts named, it is used.
                queryset = queryset.filter(account__in=Account.objects.values("pk"), digest=bytes.fromhex(word))
            else:
                key = decode("b", word)
                of_account = queryset.filter(account__in=accounts_of(word))
                queryset = of_account if key is None else of_account | queryset.filter(pk=key)
        return queryset, False

    def get_urls(self) -> list[URLPattern]:
        """Django's, and the one that opens the content."""
        view = self.admin_site.admin_view(self.open_view)
        return [path("<path:object_id>/open/", view, name="jmap_core_blob_open"), *super().get_urls()]

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> Any:
        """With the button that opens the content, for those who may."""
        context["may_open_blob"] = request.user.has_perm(PERMISSION)
        return super().render_change_form(request, context, *args, **kwargs)

    def open_view(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        """Send the content, having written down who opened it."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not request.user.has_perm(PERMISSION):
            raise PermissionDenied
        blob = self.get_object(request, unquote(object_id))
        if not self.has_view_permission(request, blob):
            raise PermissionDenied
        if blob is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined]
        self.log_change(request, blob, gettext("Opened the content."))
        try:
            octets = iter(service.open_range(blob))
        except ObjectMissing:
            self.message_user(request, gettext("The octets of this blob are gone."), messages.ERROR)
            return HttpResponseRedirect(reverse(f"{self.admin_site.name}:jmap_core_blob_change", args=[blob.pk]))
        response = StreamingHttpResponse(
            _in_threads(octets) if isinstance(request, ASGIRequest) else octets, content_type="application/octet-stream"
        )
        response["Content-Length"] = blob.size
        response["Content-Disposition"] = transfer.disposition(blob.wire_id)
        response["Cache-Control"] = "no-store"
        for name, value in transfer.SANDBOX:
            response[name] = value
        return response

    @admin.display(description=_("blob id"))
    def wire_id_shown(self, blob: Blob) -> str:
        return blob.wire_id

    @admin.display(description="SHA-256")
    def digest_shown(self, blob: Blob) -> str:
        return bytes(blob.digest).hex()

    @admin.display(description=_("size"))
    def size_shown(self, blob: Blob) -> str:
        return gettext("%(size)s (%(octets)s octets)") % {"size": filesizeformat(blob.size), "octets": blob.size}

    @admin.display(description=_("needed by"))
    def referenced_by(self, blob: Blob) -> str:
        """The rows that keep the blob, the first few of each kind."""
        rows = [row for relation in _relations() for row in self._rows(relation, blob)]
        if not rows:
            return gettext("Nothing: it is collected after a grace period.")
        return format_html_join(mark_safe("<br>"), "{}", ((row,) for row in rows))

    def _rows(self, relation: ForeignObjectRel, blob: Blob) -> Iterator[str]:
        model: Any = relation.related_model
        name = f"{self.admin_site.name}:{model._meta.app_label}_{model._meta.model_name}_change"
        keys = model._base_manager.filter(**{relation.field.name: blob.pk}).values_list("pk", flat=True)
        for key in keys[:MOST_REFERENCES]:
            label = f"{model._meta.verbose_name} {key}"
            try:
                yield format_html('<a href="{}">{}</a>', reverse(name, args=[key]), label)
            except NoReverseMatch:
                yield label


def _relations() -> Iterator[ForeignObjectRel]:
    """Every foreign key to Blob, in any installed app: each of them keeps the blob."""
    for relation in Blob._meta.get_fields(include_hidden=True):
        if isinstance(relation, ForeignObjectRel):
            yield relation


async def _in_threads(octets: Iterator[bytes]) -> AsyncIterator[bytes]:
    """The slices, read as the reader takes them: Django under ASGI would read an ordinary iterator to its end first."""
    take = sync_to_async(lambda: next(octets, None), thread_sensitive=False)
    try:
        while (slice_ := await take()) is not None:
            yield slice_
    finally:
        close = getattr(octets, "close", None)
        if close is not None:
            close()
