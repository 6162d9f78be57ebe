"""One Terraform command as a child process.

It has a session of its own, so that a Ctrl-C in the terminal does not reach it twice. Asked to stop, it gets one SIGINT
and is waited for, however long that takes: a second would make it forget what it is making. Its output goes to a file
without a name, not to a pipe: a pipe breaks when the run that reads it dies, and Go ends a program then, with everything
that it was making. So it goes on to the end and saves its state.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from core.terraform.locks import SLACK, ChildLock, moment

POLL = 0.025
"""Real seconds between two looks at the output."""
CHUNK = 1 << 20
KEPT, REFUSED = "Error releasing the state lock", "Error acquiring the state lock"
"""What Terraform says where its lock stays on the state, and where it found one there, which may be its own: a request
whose answer was lost is sent again. `init` has other words for the second, and the lock's age on a line of its own."""
_CREATED = re.compile(r"Created:\s+([\d-]+ [\d:.]+ [+-]\d{4})")


async def run(
    command: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    on_line: Callable[[str], None],
    on_stop: Callable[[], None] = lambda: None,
    doing: str = "",
) -> int:
    """Runs the command to its end and returns its exit code (negative: a signal). ``doing`` is its subcommand.

    When the task is cancelled, the process is asked to stop once, ``on_stop`` is called, and the cancellation goes on after
    its end.
    """
    with ChildLock(folder) as lock, _nameless() as output:
        lock.begin(doing)
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                cwd=folder,
                env=dict(environment),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                pass_fds=(lock.fileno,),
            )
        except OSError:
            lock.end()
            raise
        lock.began(process.pid)
        kept: list[str] = []

        began = time.time()

        def heard(line: str) -> None:
            if KEPT in line or ((REFUSED in line or _CREATED.search(line)) and _since(line, began)):
                kept.append(line)
            on_line(line)

        work = asyncio.ensure_future(_converse(process, output, heard))
        stopped = await _to_the_end(work, process, on_stop)
        code = await process.wait()
        if code >= 0 and not kept:
            lock.end()
    if stopped:
        raise asyncio.CancelledError
    return code


def _since(line: str, began: float) -> bool:
    """Whether the lock that a line tells of may be younger than a moment."""
    found = _CREATED.search(line)
    created = moment(found[1]) if found else None
    return created is None or created >= began - SLACK


async def _to_the_end(work: asyncio.Future[None], process: asyncio.subprocess.Process, on_stop: Callable[[], None]) -> bool:
    """Waits for the child's end; says whether this task was cancelled meanwhile."""
    stopped = False
    while not work.done():
        try:
            await asyncio.shield(work)
        except asyncio.CancelledError:
            if work.cancelled():
                raise
            if not stopped:
                stopped = True
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGINT)
                on_stop()
    return stopped


async def _converse(process: asyncio.subprocess.Process, output: int, on_line: Callable[[str], None]) -> None:
    ended = asyncio.ensure_future(process.wait())
    offset, rest = 0, b""
    while True:
        over = ended.done()
        while chunk := os.pread(output, CHUNK, offset):
            offset += len(chunk)
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                on_line(line.decode("utf-8", "replace"))
        if over:
            break
        await asyncio.wait({ended}, timeout=POLL)
    if rest:
        on_line(rest.decode("utf-8", "replace"))


@contextlib.contextmanager
def _nameless() -> Iterator[int]:
    """A file that is nowhere but in its users' hands; in memory where the system can."""
    if hasattr(os, "memfd_create"):
        handle = os.memfd_create("terraform-output")
        try:
            yield handle
        finally:
            os.close(handle)
    else:
        with tempfile.TemporaryFile() as file:
            yield file.fileno()
