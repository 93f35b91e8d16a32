"""A host site under ASGI that serves the Django views and has no edge in front."""

from typing import Any

from django.core.asgi import get_asgi_application

django_application: Any = get_asgi_application()


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Django's own handler, which knows HTTP alone."""
    if scope["type"] == "http":
        await django_application(scope, receive, send)
    elif scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1000})
