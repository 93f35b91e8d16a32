"""The WSGI application, for hosts that run Django behind WSGI: no streams, no push."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "jmapsite.settings")

application = get_wsgi_application()
