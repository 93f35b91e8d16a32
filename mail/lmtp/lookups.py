"""One connection of Postfix's socketmap client: netstrings ``table key`` in, ``OK value`` and its like out.

Rules kept here: a request that is no netstring, or too long, ends the connection; a client may be silent for as long
as it likes, since Postfix keeps connections open, but not in the middle of a request (socketmap_table(5)).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from mail.lmtp import answers

if TYPE_CHECKING:
    from mail.lmtp.server import Server

MAX_REQUEST = 1_000
_REQUEST_SECONDS = 30


class BadRequest(Exception):
    """What came is no request."""


async def serve(server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer one client until it goes."""
    while first := await reader.read(1):
        async with asyncio.timeout(_REQUEST_SECONDS):
            request = await _netstring(reader, first)
        table, _space, key = request.decode("utf-8", "replace").partition(" ")
        reply = (await server.run(writer, answers.look_up, table, key)).encode()
        writer.write(b"%d:%s," % (len(reply), reply))
        async with asyncio.timeout(_REQUEST_SECONDS):
            await writer.drain()


async def _netstring(reader: asyncio.StreamReader, first: bytes) -> bytes:
    """The octets of a netstring whose first one was read. Raises BadRequest, IncompleteReadError."""
    digits, octet = b"", first
    while octet != b":":
        digits += octet
        if not digits.isdigit() or int(digits) > MAX_REQUEST:
            raise BadRequest
        octet = await reader.readexactly(1)
    if not digits:
        raise BadRequest
    body = await reader.readexactly(int(digits) + 1)
    if body[-1:] != b",":
        raise BadRequest
    return body[:-1]
