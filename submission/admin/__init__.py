"""The admin of mail out: who sends as whom, what was submitted, the queue, and how mail leaves.

Rules kept here: one file a model; every write goes through the services of mail out (``jmap.admin.base.ServiceAdmin``),
so that clients see an operator's changes as state changes; nobody's letter is shown.
"""

from submission.admin import dkim, email_submission, grant, identity, limits, queue, smarthost, vacation

__all__ = ["dkim", "email_submission", "grant", "identity", "limits", "queue", "smarthost", "vacation"]
