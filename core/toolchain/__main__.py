"""``python -P -m core.toolchain [--path] [NAME…]``: brings the tools named (all that can be, when none is) and lists them.

With ``--path`` it prints on stdout the folders of those that are not on PATH, joined as PATH joins them, and where there
is none the folder of this Python.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from core.errors import MlopsError
from core.toolchain import Tool, bring


def main(arguments: list[str]) -> int:
    """Lists the tools on stderr; the exit code is that of the first one that can't be had."""
    names = [name for name in arguments if name != "--path"] or ["terraform", "kubectl", "git"]
    tools: list[Tool] = []
    for name in names:
        try:
            tools.append(bring(name, ask=_tell))
        except MlopsError as error:
            print("\n".join(filter(None, (error.message, error.cause, error.hint))), file=sys.stderr)
            return error.exit_code
        print(tools[-1], file=sys.stderr)
    if "--path" in arguments:
        fetched = [str(tool.path.parent) for tool in tools if tool.source == "fetched"]
        print(os.pathsep.join(fetched or [str(Path(sys.executable).parent)]))
    return 0


def _tell(question: str) -> bool:
    print(question.replace("Fetch it into", "Fetching it into").replace("?", "."), file=sys.stderr)
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
