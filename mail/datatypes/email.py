"""Email on the wire (RFC 8621 §4): its declaration, and its store out of one module for each method."""

from __future__ import annotations

from django.utils import timezone

from jmap import store
from jmap.protocol.datatype import DataType
from jmap.protocol.ports import (
    ChangesResult,
    Context,
    CopyPlan,
    GetRequest,
    GetResult,
    Json,
    Query,
    QueryChanges,
    QueryChangesResult,
    QueryResult,
    SetPlan,
    SetResult,
)
from jmap.protocol.primitives import format_utc_date
from jmap.protocol.properties import (
    Boolean,
    Date,
    Id,
    ListOf,
    MapOf,
    Property,
    SetOf,
    String,
    UnsignedInt,
    UTCDate,
)
from jmap.registry import registry
from mail.datatypes import email_copy, email_draft, email_get, email_query, email_set
from mail.datatypes.capability import MAIL
from mail.datatypes.email_properties import (
    BODY_ARGUMENTS,
    Keyword,
    body_part,
    body_value,
    email_addresses,
    email_headers,
    header_declaration,
)
from mail.datatypes.thread import changes_of
from mail.models import Email as EmailModel

DEFAULT_PROPERTIES = (
    "id",
    "blobId",
    "threadId",
    "mailboxIds",
    "keywords",
    "size",
    "receivedAt",
    "messageId",
    "inReplyTo",
    "references",
    "sender",
    "from",
    "to",
    "cc",
    "bcc",
    "replyTo",
    "subject",
    "sentAt",
    "hasAttachment",
    "preview",
    "bodyValues",
    "textBody",
    "htmlBody",
    "attachments",
)
"""What Email/get answers when no properties are named (RFC 8621 §4.2)."""


def _message_ids() -> ListOf:
    return ListOf(String, immutable=True, nullable=True, optional=True)


def _addresses(name: str = "") -> ListOf:
    return email_addresses(immutable=True, nullable=True, optional=True, name=name)


def _parts() -> ListOf:
    return ListOf(body_part(), immutable=True, nullable=True, optional=True)


def now() -> str:
    """The present second as UTCDate."""
    return format_utc_date(timezone.now().replace(microsecond=0))


class EmailStore:
    """Emails of an account."""

    def state(self, ctx: Context) -> str:
        return store.current_state(ctx.account.key, "Email")

    def get(self, ctx: Context, request: GetRequest) -> GetResult:
        return email_get.get(ctx, request)

    def changes(self, ctx: Context, since: str, max_changes: int | None) -> ChangesResult:
        return changes_of(EmailModel, "Email", "e", ctx, since, max_changes)

    def query(self, ctx: Context, query: Query) -> QueryResult:
        return email_query.query(ctx, query)

    def query_changes(self, ctx: Context, request: QueryChanges) -> QueryChangesResult:
        return email_query.query_changes(ctx, request)

    def set(self, ctx: Context, plan: SetPlan) -> SetResult:
        return email_set.set_emails(ctx, plan)

    def copy(self, ctx: Context, plan: CopyPlan) -> SetResult:
        return email_copy.copy_emails(ctx, plan)


@registry.register
class Email(DataType):
    """A message in the mail store (RFC 8621 §4.1)."""

    blobId = Id(server_set=True, immutable=True)
    threadId = Id(server_set=True, immutable=True)
    mailboxIds = SetOf(Id(refs="Mailbox"))
    keywords = SetOf(Keyword(), default=dict)
    size = UnsignedInt(server_set=True, immutable=True)
    receivedAt = UTCDate(immutable=True, default=now)

    headers = email_headers(immutable=True, nullable=True, optional=True)
    messageId = _message_ids()
    inReplyTo = _message_ids()
    references = _message_ids()
    sender = _addresses()
    from_ = _addresses("from")
    to = _addresses()
    cc = _addresses()
    bcc = _addresses()
    replyTo = _addresses()
    subject = String(immutable=True, nullable=True, optional=True)
    sentAt = Date(immutable=True, nullable=True, optional=True)

    bodyStructure = body_part(immutable=True, nullable=True, optional=True)
    bodyValues = MapOf(String, body_value(), immutable=True, nullable=True, optional=True)
    textBody = _parts()
    htmlBody = _parts()
    attachments = _parts()
    hasAttachment = Boolean(server_set=True, immutable=True)
    preview = String(server_set=True, immutable=True)

    class Meta:
        capability = MAIL
        methods = ("get", "changes", "set", "copy", "query", "queryChanges")
        store = EmailStore
        default_properties = DEFAULT_PROPERTIES
        copy_properties = ("mailboxIds", "keywords", "receivedAt")
        arguments = {"get": BODY_ARGUMENTS, "query": email_query.ARGUMENTS}
        filters = email_query.FILTERS
        sorts = email_query.SORTS
        max_limit = 50_000
        at_once = ("get", "changes", "query")

    @classmethod
    def property_for(cls, name: str) -> Property | None:
        """Declared properties, and ``header:…`` typed by the form that it names (RFC 8621 §4.1.3)."""
        return cls._meta.properties.get(name) or header_declaration(name)

    @classmethod
    def validate_create(cls, ctx: Context, properties: dict[str, Json]) -> dict[str, Json]:
        """Judge whether a message can be made of it (RFC 8621 §4.6)."""
        email_draft.check(properties)
        return properties
