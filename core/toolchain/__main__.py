"""``python -P -m core.toolchain [NAME…]``: brings the tools named (all that can be brought, when none is) and lists them."""

from __future__ import annotations

import sys

from core.errors import MlopsError
from core.toolchain import bring


def main(names: list[str]) -> int:
    """Lists the tools on stderr; the exit code is that of the first one that can't be had."""
    for name in names or ["terraform", "kubectl", "git"]:
        try:
            print(bring(name, ask=_tell), file=sys.stderr)
        except MlopsError as error:
            print("\n".join(filter(None, (error.message, error.cause, error.hint))), file=sys.stderr)
            return error.exit_code
    return 0


def _tell(question: str) -> bool:
    print(question.replace("Fetch it into", "Fetching it into").replace("?", "."), file=sys.stderr)
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
