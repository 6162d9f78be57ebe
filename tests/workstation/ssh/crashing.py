"""Ends a process at each line of the code that writes, one after the other: ``python crashing.py FOLDER add|remove``.

A child is forked for each line and dies at it as SIGKILL would let it, without any cleaning up. What each leaves is printed
as one line of JSON: every file with its contents, but for temporary ones.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from types import FrameType
from typing import Any

from core.workstation.ssh.entry import Entry
from core.workstation.ssh.files import Change, SshFolder

WATCHED = ("workstation/ssh/files.py", "environment/files.py")
ENTRY = Entry("demo", "mlops-env-demo", (("User", "you"),))


def main(place: Path, action: str) -> None:
    """Crashes at line 1, 2, 3… until one goes through."""
    original, work = place / "original", place / "work"
    folder, changes = SshFolder(work, work / "config"), list[Change]()
    for line in range(1, 10_000):
        shutil.rmtree(work, ignore_errors=True)
        shutil.copytree(original, work)
        changes = changes or (folder.adding(ENTRY) if action == "add" else folder.removing("demo"))
        child = os.fork()
        if child == 0:
            _work(folder, changes, line)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        left = {p.name: p.read_text() for p in sorted(work.iterdir()) if not p.name.startswith(".")}
        print(json.dumps(left, sort_keys=True))
        if os.waitstatus_to_exitcode(status) == 0:
            return


def _work(folder: SshFolder, changes: list[Change], last: int) -> None:
    count = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        if not frame.f_code.co_filename.endswith(WATCHED):
            return None
        if event == "line":
            count += 1
            if count == last:
                os._exit(9)
        return trace

    sys.settrace(trace)
    folder.apply(changes)
    sys.settrace(None)


main(Path(sys.argv[1]), sys.argv[2])
