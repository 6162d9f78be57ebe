"""The one way by which anything is copied: it refuses secrets, and says which way was taken.

No terminal tells whether it took a text, so the message never only says "Copied": it names the way, and copying the same
again shows the text, to be selected, with the offer to save it as a file.
"""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from textual.app import App

TMUX = "Copied to tmux's buffer, and to the terminal's clipboard where tmux may: paste with tmux's own key."
TERMINAL = "Sent to the terminal's clipboard (OSC 52), which not every terminal takes: copy again to see the text."


def send(app: App[Any], text: str) -> str:
    """Copies, and returns the sentence that says how."""
    if os.environ.get("TMUX") and _piped(["tmux", "load-buffer", "-w", "-"], text):
        return TMUX
    for command in _local():
        if shutil.which(command[0]) and _piped(command, text):
            return f"Copied to the desktop's clipboard ({command[0]})."
    driver = app._driver
    if driver is not None:
        driver.write(f"\x1b]52;c;{base64.b64encode(text.encode()).decode()}\x07")
    return TERMINAL


def _local() -> list[list[str]]:
    """The programs of a desktop that this process runs on itself; over ssh it would be the wrong one."""
    if os.environ.get("SSH_CONNECTION"):
        return []
    if sys.platform == "darwin":
        return [["pbcopy"]]
    found = []
    if os.environ.get("WAYLAND_DISPLAY"):
        found.append(["wl-copy"])
    if os.environ.get("DISPLAY"):
        found += [["xclip", "-selection", "clipboard"], ["xsel", "--clipboard", "--input"]]
    if os.environ.get("WSL_DISTRO_NAME"):
        found.append(["clip.exe"])
    return found


def _piped(command: Sequence[str], text: str) -> bool:
    try:
        done = subprocess.run(
            command, input=text.encode(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=2, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
