"""One Terraform command as a child process.

It has a session of its own, so that a Ctrl-C in the terminal does not reach it twice. Asked to stop, it gets one SIGINT
and is waited for, however long that takes: a second would make it forget what it is making. It ignores SIGPIPE: should
the run that reads its output die, it goes on to the end and saves its state. What is secret reaches it on standard input.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from core.terraform.locks import ChildLock

LONGEST_LINE = 16 * 1024 * 1024
"""A line holds a whole plan at times (``show -json``)."""


async def run(
    command: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    on_line: Callable[[str], None],
    on_stop: Callable[[], None] = lambda: None,
    secret_input: bytes = b"",
) -> int:
    """Runs the command to its end and returns its exit code (negative: a signal).

    When the task is cancelled, the process is asked to stop once, ``on_stop`` is called, and the cancellation goes on after
    its end.
    """
    with ChildLock(folder) as lock:
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=folder,
            env=dict(environment),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            restore_signals=False,
            pass_fds=(lock.fileno,),
            limit=LONGEST_LINE,
        )
        lock.begin(process.pid)
        work = asyncio.ensure_future(_converse(process, on_line, secret_input))
        stopped = await _to_the_end(work, process, on_stop)
        code = await process.wait()
        if code >= 0:
            lock.end()
    if stopped:
        raise asyncio.CancelledError
    return code


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


async def _converse(process: asyncio.subprocess.Process, on_line: Callable[[str], None], secret_input: bytes) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.write(secret_input)
        await process.stdin.drain()
        process.stdin.close()
    while line := await process.stdout.readline():
        on_line(line.decode("utf-8", "replace").rstrip("\n"))
