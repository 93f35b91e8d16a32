"""The Celery application of the ready-made project: finds the shared tasks of all apps, configured by settings."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "jmapsite.settings")

app = Celery("jmapsite")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
