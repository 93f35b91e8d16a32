"""What the services of mail out refuse, as SetErrors (RFC 8620 §5.3, RFC 8621 §6.3, §7.5)."""

from __future__ import annotations

from collections.abc import Mapping

from jmap.protocol.errors import SetError
from submission.services import errors


def set_error(refusal: errors.SubmissionError, wire_names: Mapping[str, str] | None = None) -> SetError:
    """The SetError for a refusal; ``wire_names``: what the wire calls the fields of the model."""
    said = str(refusal)
    match refusal:
        case errors.NotFound():
            return SetError("notFound")
        case errors.Invalid():
            names = wire_names or {}
            return SetError("invalidProperties", said, [names.get(name, name) for name in refusal.properties])
        case errors.InvalidEmail():
            return SetError("invalidEmail", said, refusal.properties)
        case errors.TooManyRecipients():
            return SetError("tooManyRecipients", said, members={"maxRecipients": refusal.most})
        case errors.InvalidRecipients():
            return SetError("invalidRecipients", said, members={"invalidRecipients": refusal.addresses})
        case errors.TooLarge():
            return SetError("tooLarge", said, members={"maxSize": refusal.most})
    return SetError(_PLAIN[type(refusal)], said)


_PLAIN: Mapping[type[errors.SubmissionError], str] = {
    errors.MayNotDelete: "forbidden",
    errors.ForbiddenFrom: "forbiddenFrom",
    errors.ForbiddenMailFrom: "forbiddenMailFrom",
    errors.ForbiddenToSend: "forbiddenToSend",
    errors.TooMuch: "rateLimit",
    errors.OverQuota: "overQuota",
    errors.NoRecipients: "noRecipients",
    errors.CannotUnsend: "cannotUnsend",
}
