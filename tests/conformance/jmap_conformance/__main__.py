"""``python -m jmap_conformance``: the same as ``jmap-conformance``."""

import sys

from jmap_conformance.cli import main

if __name__ == "__main__":
    sys.exit(main())
