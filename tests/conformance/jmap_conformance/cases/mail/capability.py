"""What a session says about mail (RFC 8621 §1)."""

from jmap_conformance import check
from jmap_conformance.case import MAIL, SUBMISSION, VACATION, topic
from jmap_conformance.toolkit import Toolkit, unique

case = topic("mail/capability", 8621, MAIL)

EMAIL_PROPERTIES = (
    "id", "blobId", "threadId", "mailboxIds", "keywords", "size", "receivedAt", "headers", "messageId", "inReplyTo",
    "references", "sender", "from", "to", "cc", "bcc", "replyTo", "subject", "sentAt", "bodyStructure", "bodyValues",
    "textBody", "htmlBody", "attachments", "hasAttachment", "preview",
)  # fmt: skip
MAILBOX_PROPERTIES = (
    "id", "name", "parentId", "role", "sortOrder", "totalEmails", "unreadEmails", "totalThreads", "unreadThreads",
    "myRights", "isSubscribed",
)  # fmt: skip


def offered(t: Toolkit, capability: str) -> list[dict[str, object]]:
    """The capability of every account that has it."""
    found = [each["accountCapabilities"] for each in t.session["accounts"].values()]
    return [each[capability] for each in found if capability in each]


@case("1.1", "must")
def every_property_is_supported(t: Toolkit) -> None:
    """Servers MUST support all properties specified for the new data types defined in this document.

    Clients get an error for a property that every server has.
    """
    box = t.mailbox()
    email = t.email(box)
    check.has(t.get("Email", email, *EMAIL_PROPERTIES), EMAIL_PROPERTIES, "the email")
    check.has(t.get("Mailbox", box, *MAILBOX_PROPERTIES), MAILBOX_PROPERTIES, "the mailbox")
    thread = t.get("Email", email, "threadId")["threadId"]
    check.has(t.get("Thread", thread, "id", "emailIds"), ("id", "emailIds"), "the thread")


@case("1.3.1", "must")
def mail_capability_tells_every_limit(t: Toolkit) -> None:
    """The value of this property in an account's "accountCapabilities" property is an object that MUST contain the
    following information on server capabilities and permissions for that account:

    Clients cannot know what the account allows.
    """
    for mail in offered(t, MAIL):
        names = ("maxMailboxesPerEmail", "maxMailboxDepth", "maxSizeMailboxName", "maxSizeAttachmentsPerEmail")
        check.has(mail, (*names, "emailQuerySortOptions", "mayCreateTopLevelMailbox"), "the capability")
        if mail["maxMailboxDepth"] is not None:
            check.is_unsigned(mail["maxMailboxDepth"], "maxMailboxDepth")
        check.is_unsigned(mail["maxSizeAttachmentsPerEmail"], "maxSizeAttachmentsPerEmail")
        check.that(isinstance(mail["mayCreateTopLevelMailbox"], bool), "mayCreateTopLevelMailbox is no boolean")


@case("1.3.1", "must")
def an_email_may_be_in_a_mailbox_at_least(t: Toolkit) -> None:
    """This MUST be an integer >= 1, or null for no limit (or rather, the limit is always the number of Mailboxes in the
    account).

    Nothing can be filed.
    """
    for mail in offered(t, MAIL):
        if mail.get("maxMailboxesPerEmail") is not None:
            check.is_unsigned(mail["maxMailboxesPerEmail"], "maxMailboxesPerEmail", 1)


@case("1.3.1", "must")
def names_may_have_a_hundred_octets(t: Toolkit) -> None:
    """This MUST be at least 100, although it is recommended servers allow more.

    Folders cannot have the names that they have elsewhere.
    """
    for mail in offered(t, MAIL):
        check.is_unsigned(mail.get("maxSizeMailboxName"), "maxSizeMailboxName", 100)
    word = unique()
    name = word + "x" * (100 - len(word))

    check.same(t.get("Mailbox", t.mailbox(name=name), "name")["name"], name, "the name of 100 octets")


@case("1.3.1", "must")
def a_name_is_bounded_at_its_limit(t: Toolkit) -> None:
    """The maximum length, in (UTF-8) octets, allowed for the name of a Mailbox.

    Clients cannot tell which names they may give.
    """
    most = t.session["accounts"][t.account]["accountCapabilities"][MAIL].get("maxSizeMailboxName")
    check.applies(isinstance(most, int) and most <= 100_000, "the server tells no limit")
    word = unique()
    full = word + "é" * ((most - len(word)) // 2)
    full += "x" * (most - len(full.encode()))
    t.mailbox(name=full)
    answer = t.call("Mailbox/set", create={"m": {"name": full + "x"}})

    check.set_error(answer, "notCreated", "m", "invalidProperties", "tooLarge")


@case("1.3.1", "may")
def sort_options_are_names(t: Toolkit) -> None:
    """This MAY include properties the client does not recognise (for example, custom properties specified in a vendor
    extension).

    Clients cannot read the list.
    """
    for mail in offered(t, MAIL):
        options = mail.get("emailQuerySortOptions")
        check.that(isinstance(options, list), f"emailQuerySortOptions is {check.show(options)}")
        for each in options:  # type: ignore[union-attr]
            check.is_string(each, "a sort option")


@case("1.3.2", "must", also=(SUBMISSION,))
def submission_capability_tells_what_it_can(t: Toolkit) -> None:
    """The value of this property in an account's "accountCapabilities" property is an object that MUST contain the
    following information on server capabilities and permissions for that account:

    Clients offer to delay mail where that cannot be done.
    """
    for submission in offered(t, SUBMISSION):
        check.is_unsigned(submission.get("maxDelayedSend"), "maxDelayedSend")
        extensions = submission.get("submissionExtensions")
        check.that(isinstance(extensions, dict), f"submissionExtensions is {check.show(extensions)}")
        for name, words in extensions.items():  # type: ignore[union-attr]
            sound = isinstance(words, list) and all(isinstance(each, str) for each in words)
            check.that(sound, f"{name} is {check.show(words)}, no list of strings")


@case("1.3.2", "may", also=(SUBMISSION,))
def a_delay_that_is_offered_is_named_as_an_extension(t: Toolkit) -> None:
    """A JMAP server MAY advertise an extension and implement the semantics of that extension locally on the JMAP server
    even if a submission server used by JMAP doesn't implement it.

    Clients that look for FUTURERELEASE do not offer the delay that the server has.
    """
    for submission in offered(t, SUBMISSION):
        extensions = submission.get("submissionExtensions") or {}
        if submission.get("maxDelayedSend"):
            names = {name.upper() for name in extensions}  # type: ignore[attr-defined]
            check.that(
                "FUTURERELEASE" in names, f"maxDelayedSend is not 0, yet the extensions are {check.show(list(names))}"
            )


@case("1.4", "must")
def accounts_name_what_can_be_used_with_them(t: Toolkit) -> None:
    """The server MUST include the appropriate capability strings as keys in the "accountCapabilities" property of any
    account with which the user may use the data types represented by that URI.

    Clients hide mail that is there.
    """
    for account, about in t.session["accounts"].items():
        held = about["accountCapabilities"]
        for capability, method in (
            (MAIL, "Mailbox/get"),
            (SUBMISSION, "Identity/get"),
            (VACATION, "VacationResponse/get"),
        ):
            if t.jmap.has(capability) and capability not in held:
                t.error(
                    method, "accountNotSupportedByMethod", "accountNotFound", "forbidden", accountId=account, ids=[]
                )
    check.has(t.session["accounts"][t.account]["accountCapabilities"], [MAIL], "the capabilities of the mail account")


@case("1.3.1", "must")
def server_capabilities_of_mail_are_empty_objects(t: Toolkit) -> None:
    """The value of this property in the JMAP Session "capabilities" property is an empty object.

    Clients read limits that hold for no account.
    """
    for capability in (MAIL, SUBMISSION, VACATION):
        if t.jmap.has(capability):
            check.same(t.session["capabilities"][capability], {}, capability)
