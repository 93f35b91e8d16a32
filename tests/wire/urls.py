"""URLs of a host site that serves the protocol through Django views."""

from django.urls import include, path

from jmap.edge.views import SessionView

urlpatterns = [
    path(".well-known/jmap", SessionView.as_view()),
    path("jmap/", include("jmap.urls")),
]
