"""Buffers are kept: a read of one byte no longer costs a mapping of 256 KiB."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

from core.workstation import heap

READS = """
import resource, socket, sys
from core.workstation import heap
if sys.argv[1] == "kept":
    assert heap.keep_buffers()
near, far = socket.socketpair()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(2000):
    near.send(b"x")
    far.recv(256 << 10)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how: str) -> int:
    done = subprocess.run([sys.executable, "-P", "-c", READS, how], capture_output=True, text=True, check=True)
    return int(done.stdout)


def test_a_read_maps_no_memory_anew() -> None:
    if not hasattr(ctypes.CDLL(None), "mallopt"):
        pytest.skip("only glibc has mallopt")
    assert faults("kept") < 200
    assert faults("not") >= 2000, "asyncio's buffers are as they were when this was made"


def test_elsewhere_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not heap.keep_buffers()
