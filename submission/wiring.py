"""How mail out joins the core and mail at start-up: its options and the rows that open blobs."""

from jmap.blobs import references


def connect() -> None:
    """Called once by ``SubmissionConfig.ready``."""
    from submission import conf  # noqa: F401  declares the options before the checks ask for them

    references.register("SubmissionReport", "jmap_submission.SubmissionReport")
