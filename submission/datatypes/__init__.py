"""The one seam between mail out and the wire: a file a data type, all declared to the registry on import."""

from submission.datatypes import capability, email_submission, identity, vacation_response

__all__ = ["capability", "email_submission", "identity", "vacation_response"]
