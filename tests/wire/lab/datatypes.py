"""Methods for tests: one that waits for the test, one that fails, one that answers ready JSON, one that speaks."""

from typing import Any

from django.db import OperationalError, connection
from django.utils.translation import get_language

from jmap.protocol.ports import Context, RawJson
from jmap.protocol.properties import String, UnsignedInt
from jmap.registry import registry

LAB = "https://lab.example/jmap"

registry.capability(LAB, {"size": 1}, {"mayMix": True})


@registry.method("Lab/wait", capability=LAB, arguments={"fifo": String()}, account=False, reads=False)
def wait(ctx: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """Come back when the test has closed its end of the pipe."""
    with open(arguments["fifo"], "rb") as pipe:
        pipe.read()
    return {"waited": True}


@registry.method("Lab/fail", capability=LAB, arguments={"secret": String()}, account=False)
def fail(ctx: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """Fail with somebody's words in the exception."""
    raise RuntimeError(arguments["secret"])


@registry.method("Lab/hangUp", capability=LAB, account=False, reads=False)
def hang_up(ctx: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """Lose the connection to the database in the middle of a call."""
    connection.connection.close()
    raise OperationalError("gone")


@registry.method("Lab/repeat", capability=LAB, arguments={"times": UnsignedInt()}, account=False)
def repeat(ctx: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """JSON that is ready, as long as the test wants it."""
    return {"list": RawJson(b"[" + b",".join([b'"mix"'] * arguments["times"]) + b"]"), "language": get_language()}
