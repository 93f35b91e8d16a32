"""PushSubscription on the wire (RFC 8620 §7.2).

Rules kept here: address and keys never go out, and asking for them is forbidden; the code goes out once it is known
anyway, so that nobody confirms what they did not receive.
"""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from jmap.ids import decode
from jmap.protocol.datatype import DataType
from jmap.protocol.errors import MethodError, SetError, SetErrorException
from jmap.protocol.method import CORE
from jmap.protocol.ports import Context, GetRequest, GetResult, Json, SetPlan, SetResult, Update
from jmap.protocol.primitives import format_utc_date, parse_date
from jmap.protocol.properties import ListOf, Object, String, UTCDate
from jmap.registry import registry
from push import subscriptions
from push.models import PushSubscription
from push.subscriptions import Owner
from push.types import type_names
from push.visitor import account_keys
from push.webpush import guard
from push.webpush.encryption import decode_point, decode_secret
from push.webpush.target import Target

PRIVATE = frozenset({"url", "keys"})


def _invalid(name: str, why: object) -> SetErrorException:
    return SetErrorException(SetError("invalidProperties", f"{name}: {why}", [name]))


def _split(url: str) -> None:
    guard.split(url)


def _known_types(names: list[str]) -> None:
    type_names(names)


class PushSubscriptionStore:
    """The subscriptions of the credentials that ask."""

    def get(self, ctx: Context, request: GetRequest) -> GetResult:
        """See Store. Raises MethodError forbidden."""
        if PRIVATE & set(request.properties):
            raise MethodError("forbidden", "url and keys are never returned")
        found = {row.wire_id: row for row in _owner(ctx).all()}
        wanted = list(found) if request.ids is None else request.ids
        items = [_to_json(found[key], request.properties) for key in wanted if key in found]
        return GetResult("", items, [key for key in wanted if key not in found])

    def set(self, ctx: Context, plan: SetPlan) -> SetResult:
        """See Store; there is no state."""
        result = SetResult("", "")
        for creation_id, properties in plan.creates.items():
            try:
                result.created[creation_id] = _create(ctx, properties)
            except SetErrorException as refusal:
                result.not_created[creation_id] = refusal.error
        for key, update in plan.updates.items():
            row = _find(ctx, key)
            if row is None:
                result.not_updated[key] = SetError("notFound")
                continue
            try:
                result.updated[key] = _update(row, update)
            except SetErrorException as refusal:
                result.not_updated[key] = refusal.error
        for key in plan.destroys:
            row = _find(ctx, key)
            if row is None:
                result.not_destroyed[key] = SetError("notFound")
                continue
            subscriptions.destroy(row)
            result.destroyed.append(key)
        return result


def _owner(ctx: Context) -> Owner:
    return Owner(ctx.principal.key, ctx.principal.login)


def _find(ctx: Context, wire_id: str) -> PushSubscription | None:
    key = decode("s", wire_id)
    return None if key is None else _owner(ctx).all().filter(pk=key).first()


def _to_json(row: PushSubscription, properties: Any) -> dict[str, Json]:
    whole = {
        "id": row.wire_id,
        "deviceClientId": row.device,
        "verificationCode": row.code if row.verified_at is not None else None,
        "expires": _date(row),
        "types": row.types,
    }
    return {name: whole[name] for name in properties}


def _date(row: PushSubscription) -> str:
    return format_utc_date(row.expires_at.replace(microsecond=0))


def _create(ctx: Context, properties: dict[str, Json]) -> dict[str, Json]:
    if properties["verificationCode"] is not None:
        raise _invalid("verificationCode", "must be null until the server has sent one")
    keys = properties.get("keys")
    target = Target(properties["url"])
    if keys is not None:
        target = Target(properties["url"], decode_point(keys["p256dh"]), decode_secret(keys["auth"]))
    try:
        row = subscriptions.create(
            _owner(ctx),
            sorted(account_keys(ctx.principal)),
            properties["deviceClientId"],
            target,
            _moment(properties["expires"]),
            properties["types"],
        )
    except subscriptions.TooMany:
        raise SetErrorException(SetError("overQuota", "you have as many push subscriptions as you may")) from None
    except subscriptions.TooOften:
        raise SetErrorException(SetError("rateLimit", "you make push subscriptions too often; wait a while")) from None
    except guard.Forbidden as error:
        raise _invalid("url", error) from None
    except OSError:
        raise _invalid("url", "names a host that cannot be found") from None
    return {"id": row.wire_id, "expires": _date(row)}


def _moment(text: str | None) -> Any:
    if text is None:
        return None
    moment = parse_date(text)
    if moment <= timezone.now():
        raise _invalid("expires", "is over already")
    return moment


def _update(row: PushSubscription, update: Update) -> dict[str, Json] | None:
    """Carry out a patch; what came out otherwise than asked."""
    current = _to_json(row, ("deviceClientId", "verificationCode", "expires", "types"))
    if update.touched & PRIVATE:
        current |= Target.unsealed(row.target).as_sent()
    wanted = update.apply(current)
    expires = _moment(wanted["expires"]) if "expires" in wanted else None
    if wanted.get("verificationCode") is not None:
        try:
            subscriptions.confirm(row, wanted["verificationCode"])
        except subscriptions.WrongCode:
            raise _invalid("verificationCode", "is not the one that was sent") from None
    elif "verificationCode" in wanted and row.verified_at is not None:
        raise _invalid("verificationCode", "cannot be taken back")
    if "types" in wanted:
        subscriptions.choose(row, wanted["types"])
    if "expires" not in wanted:
        return None
    came_to = subscriptions.prolong(row, expires)
    return None if came_to == expires else {"expires": _date(row)}


@registry.register
class PushSubscriptionType(DataType):
    """Where changes are pushed to for one device (RFC 8620 §7.2)."""

    deviceClientId = String(immutable=True, max_octets=255)
    url = String(immutable=True, hidden=True, validate=_split)
    keys = Object(
        {"p256dh": String(validate=decode_point), "auth": String(validate=decode_secret)},
        nullable=True, optional=True, immutable=True, hidden=True,
    )  # fmt: skip
    verificationCode = String(nullable=True, default=None, max_octets=200)
    expires = UTCDate(nullable=True, default=None)
    types = ListOf(String, nullable=True, default=None, max_items=200, validate=_known_types)

    class Meta:
        name = "PushSubscription"
        capability = CORE
        methods = ("get", "set")
        store = PushSubscriptionStore
        account = False
