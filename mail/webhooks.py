"""Mail that a provider posts: the inbound webhooks of django-anymail, for sites without an MTA.

Rules kept here:
- only the raw message is taken: what a provider has taken apart is not the message that was sent, and is refused (400);
- the provider hears 2xx only after the message is durably here for every recipient; what may succeed later is answered
  5xx, so that the provider comes again, and those who have the message do not get it twice;
- a refusal is a 400, which providers log, and stands in the delivery log.
"""

from __future__ import annotations

import json
import logging
from base64 import b64decode
from collections.abc import Callable
from io import BytesIO
from typing import Any

from django.core.exceptions import BadRequest
from django.core.files.uploadhandler import MemoryFileUploadHandler
from django.http import QueryDict
from django.http.multipartparser import MultiPartParser

from jmap.blobs.errors import TooLarge
from jmap.blobs.spool import Spool
from mail.services.delivery import Envelope, deliver
from mail.services.delivery.conf import delivery_options

log = logging.getLogger("mail.webhooks")


class TryAgain(RuntimeError):
    """The message could not be stored now; leaves the view as a 500."""


def connect() -> None:
    """Listen to anymail, where the site has installed it. Called by ``mail.wiring``."""
    from anymail.signals import inbound

    inbound.connect(receive, dispatch_uid="jmap_mail_webhooks")


def receive(sender: Any, event: Any, esp_name: str, **kwargs: Any) -> None:
    """Deliver what a provider posted; returns after the commit. Raises BadRequest and TryAgain."""
    take = PROVIDERS.get(esp_name)
    try:
        taken = take(event.esp_event) if take else None
    except (KeyError, TypeError, ValueError) as error:
        log.error("%s posted something that is no message: %s", esp_name, type(error).__name__)
        raise BadRequest("not understood") from error
    if taken is None:
        log.error("%s posts messages taken apart: have it post the raw message, or use another provider", esp_name)
        raise BadRequest("this site takes raw messages only")
    data, recipients = taken
    recipients = recipients or [event.message.envelope_recipient or ""]
    _deliver(data, Envelope(event.message.envelope_sender or "", recipients, client_name=esp_name, protocol="HTTP"))


def _deliver(data: bytes, envelope: Envelope) -> None:
    try:
        with Spool(delivery_options().max_size) as spool:
            spool.write(data)
            outcomes = deliver(spool, envelope)
    except TooLarge as error:
        raise BadRequest("the message is too large") from error
    failed = [outcome for outcome in outcomes if not outcome.is_success]
    for outcome in failed:
        log.warning("a message by %s was not delivered: %s", envelope.client_name, outcome.reply)
    if any(outcome.is_temporary for outcome in failed):
        raise TryAgain("try again later")
    if failed:
        raise BadRequest(failed[0].reply)


Taken = tuple[bytes, list[str]] | None
"""The octets of a message and its envelope recipients (none: the one that anymail found); or None for no raw
message.
"""


def _mailgun(request: Any) -> Taken:
    recipients = [one.strip() for one in request.POST.get("recipient", "").split(",")]
    return (_field(request, "body-mime"), recipients) if "body-mime" in request.POST else None


def _sendgrid(request: Any) -> Taken:
    if "email" not in request.POST:
        return None
    return _field(request, "email"), list(json.loads(request.POST["envelope"])["to"])


def _amazon_ses(posted: Any) -> Taken:
    action = posted["receipt"]["action"]
    if action["type"] != "SNS":
        return None
    content = posted["content"]
    octets = b64decode(content) if action.get("encoding") == "BASE64" else _encoded(content)
    return octets, list(posted["receipt"].get("recipients") or ())


def _mandrill(posted: Any) -> Taken:
    return _encoded(posted["msg"]["raw_msg"]), []


def _sparkpost(posted: Any) -> Taken:
    content = posted["msys"]["relay_message"]["content"]
    raw = content["email_rfc822"]
    return (b64decode(raw) if content["email_rfc822_is_base64"] else _encoded(raw)), []


def _postmark(posted: Any) -> Taken:
    return (_encoded(posted["RawEmail"]), []) if "RawEmail" in posted else None


PROVIDERS: dict[str, Callable[[Any], Taken]] = {
    "Amazon SES": _amazon_ses,
    "Mailgun": _mailgun,
    "Mandrill": _mandrill,
    "Postmark": _postmark,
    "SendGrid": _sendgrid,
    "SparkPost": _sparkpost,
}
"""How the raw message is found in what each provider posts, by anymail's name for it."""


def _field(request: Any, name: str) -> bytes:
    """The octets of a form's field: those that were posted, where Django still has them."""
    if not hasattr(request, "_body"):
        return _encoded(request.POST[name])
    if request.content_type == "multipart/form-data":
        handler = MemoryFileUploadHandler(request)
        posted, _files = MultiPartParser(request.META, BytesIO(request.body), [handler], "latin-1").parse()
    else:
        posted = QueryDict(request.body, encoding="latin-1")
    return str(posted[name]).encode("latin-1")


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
