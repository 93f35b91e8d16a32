"""Postfix in front of a site: the lines of ``deploy/postfix.main.cf``, and nothing that would let mail out."""

from __future__ import annotations

import contextlib

from tests.lmtp.site import Site
from tests.postfix import Postfix, running_postfix
from tests.running import ROOT

OWN_LINES = """
myhostname = mx.lmtp.example
default_transport = discard:
relay_transport = discard:
queue_run_delay = 1s
minimal_backoff_time = 1s
maximal_backoff_time = 1s
"""


def postfix(site: Site, lookups: int) -> contextlib.AbstractContextManager[Postfix]:
    """A Postfix for the time of a block; ``lookups``: the port where it asks about recipients."""
    lines = (ROOT / "deploy" / "postfix.main.cf").read_text()
    lines = lines.replace("127.0.0.1:8025", f"127.0.0.1:{lookups}").replace(
        "[127.0.0.1]:8024", f"[127.0.0.1]:{site.port}"
    )
    return running_postfix(OWN_LINES + lines)
