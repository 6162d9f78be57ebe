"""``python -P -m core.workstation.tunnel.askpass QUESTION``: what ssh runs in place of a terminal; prints the answer."""

from __future__ import annotations

import os
import sys

from core.workstation.tunnel.asking import VARIABLE, asked


def main() -> int:
    """Asks; its exit code is 1 where there is no answer."""
    notice = os.environ.get("SSH_ASKPASS_PROMPT") == "none"  # ssh reads no answer then, and ends this when it waits no more
    answer = asked(os.environ.get(VARIABLE, ""), " ".join(sys.argv[1:]), notice=notice)
    if answer is None:
        return 1
    sys.stdout.write(answer + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
