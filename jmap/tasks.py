"""The Celery tasks of the core: names for plain functions, so that workers and ``beat`` can run them."""

from celery import shared_task

from jmap import maintenance


@shared_task(name="jmap.maintain", ignore_result=True)
def maintain() -> None:
    """Run every chore once (see ``jmap.maintenance``)."""
    maintenance.run()
