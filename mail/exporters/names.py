"""Names of mailboxes as names of files."""

from __future__ import annotations

import hashlib
import re

from mail.importers import utf7

_LONGEST = 180
"""Octets; what a file system takes (255) less what is put after it."""
_UNSAFE = re.compile(r"[/%\x00-\x1f\x7f]|^\.")


def maildir_folder(path: tuple[str, ...]) -> str:
    """The folder of a mailbox in a Maildir++: ``.Lists.Tea``, modified UTF-7, also for dots and slashes in a name."""
    return _short("." + ".".join(utf7.encode(name, also="./") for name in path))


def file_name(name: str) -> str:
    """The name of a mailbox as that of a file: itself where it can be."""
    return _short(_UNSAFE.sub(lambda found: f"%{ord(found[0]):02X}", name))


def _short(name: str) -> str:
    octets = name.encode("utf-8", "surrogatepass")
    if len(octets) <= _LONGEST:
        return name
    return octets[: _LONGEST - 9].decode(errors="ignore") + "~" + hashlib.sha256(octets).hexdigest()[:8]
