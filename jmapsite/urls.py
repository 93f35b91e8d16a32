"""URLs of the ready-made project that Django itself answers; the protocol's endpoints are answered by the edge."""

from typing import Any

from django.apps import apps
from django.contrib import admin
from django.urls import include, path

urlpatterns: list[Any] = [
    path("admin/", admin.site.urls),
]

if apps.is_installed("anymail"):
    urlpatterns.append(path("anymail/", include("anymail.urls")))
