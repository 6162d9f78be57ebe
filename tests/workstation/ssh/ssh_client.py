"""The ssh of this machine, for tests that ask it what it makes of a configuration."""

from __future__ import annotations

import shutil

import pytest

needs_ssh = pytest.mark.skipif(shutil.which("ssh") is None, reason="there is no ssh on PATH")
