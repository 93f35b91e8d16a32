"""The protocol's resources for a host site's URLconf.

urlpatterns = [
    path(".well-known/jmap", SessionView.as_view()),      # from jmap.edge.views, for discovery (RFC 8620 §2.2)
    path("jmap/", include("jmap.urls")),
]
"""

from django.urls import path, re_path

from jmap.edge.views import ApiView, DownloadView, SessionView, UploadView

app_name = "jmap"

urlpatterns = [
    path("session", SessionView.as_view(), name="session"),
    path("api", ApiView.as_view(), name="api"),
    path("upload/<str:account_id>/", UploadView.as_view(), name="upload"),
    re_path(
        r"^download/(?P<account_id>[^/]+)/(?P<blob_id>[^/]+)/(?P<name>[\s\S]*)\Z",
        DownloadView.as_view(),
        name="download",
    ),
]
