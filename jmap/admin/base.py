"""What every admin page of ours shares: writing through services, and lists that stay quick on large tables.

Rules kept here:
- a page writes nothing by itself: it says which service adds, changes and removes, and what it does not say is refused;
- no transaction is open around a page, since a service takes the account's lock in the first statement of its own, and
  long work commits in slices;
- what a service refuses is shown as an error of the form, beside the field at fault;
- the log of the admin says what was done, after it was done;
- no list counts a table or selects a page's rows one by one; nothing is deleted by Django's own cascade.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext, ngettext

from jmap.models.tracked import WritePastServices

_REFUSAL = "jmap_admin_refusal"


class CappedPaginator(Paginator):
    """Pages over the first LIMIT rows, so that the count behind the page numbers costs the same on any table."""

    LIMIT = 10_000

    @cached_property
    def count(self) -> int:
        """How many rows there are, LIMIT at most."""
        rows: QuerySet[Any] = self.object_list  # type: ignore[assignment]
        return rows.order_by()[: self.LIMIT].count()


class _Lists(admin.ModelAdmin):
    """How our lists are shown."""

    paginator = CappedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    list_max_show_all = 200
    ordering = ("-pk",)
    sortable_by = ()

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Without Django's ``delete_selected``, which would collect everything that points at the rows."""
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions


class NeverRemoved(admin.ModelAdmin):
    """A model whose pages remove no row.

    Whoever has the permission keeps it, since Django asks for it when a user is deleted, whose rows go along.
    """

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Refused."""
        raise PermissionDenied

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> Any:
        """Without the button."""
        context["show_delete"] = False
        return super().render_change_form(request, context, *args, **kwargs)


class ReadOnlyAdmin(NeverRemoved, _Lists):
    """A model to look at."""

    actions = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ServiceAdmin(_Lists):
    """A model that is written by services: a page overrides those of the three ``service_`` methods that it offers."""

    refusals: tuple[type[Exception], ...] = ()
    """What services raise when they refuse; everything else is a fault of ours."""

    def service_add(self, request: HttpRequest, form: Any) -> Model:
        """Make what the form asks for and return it."""
        raise self._past_services()

    def service_change(self, request: HttpRequest, obj: Any, form: Any) -> None:
        """Change a row to what the form asks for."""
        raise self._past_services()

    def service_remove(self, request: HttpRequest, obj: Any) -> None:
        """Remove a row."""
        raise self._past_services()

    def explain(self, refusal: Exception) -> tuple[str | None, str]:
        """The field of the form that a refusal is about, if any, and what to tell the operator."""
        return None, str(refusal)

    def blockers(self, obj: Any) -> list[str]:
        """What stands in the way of removing a row, in words."""
        return []

    # ----------------------------------------------------------------------------------------- how Django is kept to it

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Write by the service."""
        if change:
            self.service_change(request, obj, form)
            return
        obj.pk = self.service_add(request, form).pk
        obj.refresh_from_db()

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Refused: a page with inlines says by which service they are written."""
        raise self._past_services()

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Remove by the service, then say so in the log."""
        key = obj.pk
        self.service_remove(request, obj)
        obj.pk = key
        super().log_deletions(request, [obj])  # type: ignore[arg-type]

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Refused: services remove one by one."""
        raise self._past_services()

    def log_deletions(self, request: HttpRequest, queryset: Any) -> list[Any]:
        """Nothing: Django asks before the row is gone; ``delete_model`` logs afterwards."""
        return []

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """The rows themselves: what goes with them is the service's business, and may be a great deal."""
        rows = list(objs)
        forbidden = {str(self.opts.verbose_name)} if not self.has_delete_permission(request) else set()
        blocked = [blocker for row in rows for blocker in self.blockers(row)]
        return [str(row) for row in rows], {self.opts.verbose_name_plural: len(rows)}, forbidden, blocked

    def changeform_view(
        self, request: HttpRequest, object_id: Any = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        """The page for one row; what the service refuses is shown on it."""
        page: Any = self._changeform_view  # type: ignore[attr-defined]
        try:
            return page(request, object_id, form_url, extra_context)
        except self.refusals as refusal:
            # The page is made once more, and its form is told why it cannot be.
            setattr(request, _REFUSAL, refusal)
            return page(request, object_id, form_url, extra_context)

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """The page that asks before it removes a row."""
        try:
            return self._delete_view(request, object_id, extra_context)  # type: ignore[attr-defined]
        except self.refusals as refusal:
            self.message_user(request, self.explain(refusal)[1], messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """The form; one that fails with the service's own words where the service has just refused."""
        form = super().get_form(request, obj, change=change, **kwargs)
        refusal = getattr(request, _REFUSAL, None)
        return form if refusal is None else _refused(form, *self.explain(refusal))

    def each(
        self, request: HttpRequest, rows: Iterable[Any], do: Callable[[Any], object], said: str
    ) -> tuple[int, list[str]]:
        """Do something to each chosen row, log it as ``said``; how many it was done to, and why not to the others."""
        done, refused = 0, []
        for row in rows:
            try:
                do(row)
            except self.refusals as refusal:
                refused.append(f"{row}: {self.explain(refusal)[1]}")
                continue
            self.log_change(request, row, said)
            done += 1
        return done, refused

    def report(self, request: HttpRequest, done: int, refused: list[str]) -> None:
        """Tell the operator how an action went."""
        for words in refused[:10]:
            self.message_user(request, words, messages.ERROR)
        if len(refused) > 10:
            more = len(refused) - 10
            words = ngettext("%(count)d more was refused.", "%(count)d more were refused.", more)
            self.message_user(request, words % {"count": more}, messages.ERROR)
        if done:
            words = ngettext("%(count)d done.", "%(count)d done.", done)
            self.message_user(request, words % {"count": done}, messages.SUCCESS)
        elif not refused:
            self.message_user(request, gettext("There was nothing to do."), messages.INFO)

    def _past_services(self) -> WritePastServices:
        return WritePastServices(f"{type(self).__name__} names no service for this, so it cannot be done here.")


def _refused(form: type[forms.ModelForm], field: str | None, said: str) -> type[forms.ModelForm]:
    class Refused(form):  # type: ignore[valid-type, misc]
        """The same form, of which it is known that it cannot be fulfilled."""

        def clean(self) -> Any:
            cleaned = super().clean()
            self.add_error(field if field in self.fields else None, said)
            return cleaned

    return Refused
