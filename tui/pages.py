"""Opening pages: only on a desktop that this process runs on, and never a text browser inside the app."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from core.environment.lifetime import cloud_shell


def open(url: str) -> bool:
    """Opens a page in the desktop's browser; says whether there is one."""
    if cloud_shell() or os.environ.get("SSH_CONNECTION") or not url.startswith(("http://", "https://")):
        return False
    desktop = bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    opener = "open" if sys.platform == "darwin" else "xdg-open" if desktop else ""
    if not opener or not shutil.which(opener):
        return False
    null = subprocess.DEVNULL
    subprocess.Popen([opener, url], stdin=null, stdout=null, stderr=null, start_new_session=True)
    return True
