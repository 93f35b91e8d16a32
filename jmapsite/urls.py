"""URLs of the ready-made project that Django itself answers; the protocol's endpoints are answered by the edge."""

from django.contrib import admin
from django.urls import path

urlpatterns = [
    path("admin/", admin.site.urls),
]
