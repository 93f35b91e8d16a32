"""The ASGI application that daphne and uvicorn run: the protocol's edge in front of Django's handler."""

import os
from typing import cast

from django.conf import settings
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "jmapsite.settings")

django_application = get_asgi_application()

from jmap.edge.asgi import Application, edge  # noqa: E402 - the edge needs Django's applications loaded
from jmapsite import housekeeping, workers  # noqa: E402

application = edge(cast("Application", django_application))
housekeeping.start(settings.DATA_DIR)
if not settings.CELERY_BROKER_URL:
    workers.start(settings.QUEUE_WORKERS)
