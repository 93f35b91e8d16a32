"""The admin of mail out: identities, rights to domains, vacation responses, and what was submitted.

Rules kept here: one file a model; every write goes through the services of mail out (``jmap.admin.base.ServiceAdmin``),
so that clients see an operator's changes as state changes; nobody's letter is shown.
"""

from submission.admin import email_submission, grant, identity, vacation

__all__ = ["email_submission", "grant", "identity", "vacation"]
