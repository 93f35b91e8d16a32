"""Settings of the project."""

from tests.settings import *  # noqa: F403
from tests.settings import INSTALLED_APPS

INSTALLED_APPS = ["tests.admin.foreign.apps.ForeignConfig", *INSTALLED_APPS]
AUTH_USER_MODEL = "foreign.Person"
