"""VacationResponse on the wire: the one object of an account that is always there (RFC 8621 §8)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from jmap import store
from jmap.protocol.datatype import DataType
from jmap.protocol.errors import SetError, SetErrorException
from jmap.protocol.ports import Context, GetRequest, GetResult, Json, SetPlan, SetResult
from jmap.protocol.primitives import format_utc_date, parse_date
from jmap.protocol.properties import Boolean, String, UTCDate
from jmap.registry import registry
from submission.datatypes.capability import VACATION
from submission.datatypes.set_errors import set_error
from submission.models import VacationResponse as VacationRow
from submission.services import vacation
from submission.services.errors import Invalid

SINGLETON = "singleton"
FIELD_OF = {
    "isEnabled": "is_enabled",
    "fromDate": "from_date",
    "toDate": "to_date",
    "subject": "subject",
    "textBody": "text_body",
    "htmlBody": "html_body",
}
_WIRE_NAMES = {field: name for name, field in FIELD_OF.items()}
_DATES = ("fromDate", "toDate")


class VacationResponseStore:
    """The vacation response of an account."""

    def state(self, ctx: Context) -> str:
        return store.current_state(ctx.account.key, "VacationResponse")

    def get(self, ctx: Context, request: GetRequest) -> GetResult:
        asked = [SINGLETON] if request.ids is None else list(request.ids)
        whole = _values(vacation.load(ctx.account.key))
        items = [{name: whole[name] for name in request.properties}] if SINGLETON in asked else []
        return GetResult(self.state(ctx), items, [wire for wire in asked if wire != SINGLETON])

    def set(self, ctx: Context, plan: SetPlan) -> SetResult:
        """Creating and destroying are refused before they come here (SetError ``singleton``)."""
        with store.writing(ctx.account.key) as writer:
            old_state = writer.state("VacationResponse")
            plan.check_state(old_state)
            result = SetResult(old_state, old_state)
            for wire, update in plan.updates.items():
                if wire != SINGLETON:
                    result.not_updated[wire] = SetError("notFound")
                    continue
                try:
                    vacation.change(writer, _fields(update.apply(_values(vacation.load(ctx.account.key)))))
                except SetErrorException as refusal:
                    result.not_updated[wire] = refusal.error
                except Invalid as error:
                    result.not_updated[wire] = set_error(error, _WIRE_NAMES)
                else:
                    result.updated[wire] = None
            result.new_state = writer.state("VacationResponse")
        return result


def _values(row: VacationRow) -> dict[str, Json]:
    return {"id": SINGLETON} | {name: _json(getattr(row, field)) for name, field in FIELD_OF.items()}


def _json(value: Any) -> Json:
    return format_utc_date(value) if isinstance(value, datetime) else value


def _fields(given: Mapping[str, Json]) -> dict[str, Any]:
    dated = {name: parse_date(value) if name in _DATES and value else value for name, value in given.items()}
    return {FIELD_OF[name]: value for name, value in dated.items()}


@registry.register
class VacationResponse(DataType):
    """What is answered while the user is away (RFC 8621 §8)."""

    isEnabled = Boolean(default=False)
    fromDate = UTCDate(nullable=True)
    toDate = UTCDate(nullable=True)
    subject = String(nullable=True)
    textBody = String(nullable=True)
    htmlBody = String(nullable=True)

    class Meta:
        capability = VACATION
        methods = ("get", "set")
        store = VacationResponseStore
        singleton = True
