"""Serves the Django views over WSGI with Django's own threaded server: ``python -m tests.wire.wsgi_server PORT``."""

import os
import sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.wire.settings")
    from django.core.servers.basehttp import WSGIRequestHandler, run
    from django.core.wsgi import get_wsgi_application

    # Head and body are written apart: without this each answer would wait for the client's acknowledgement.
    WSGIRequestHandler.disable_nagle_algorithm = True
    run("127.0.0.1", int(sys.argv[1]), get_wsgi_application(), threading=True)
