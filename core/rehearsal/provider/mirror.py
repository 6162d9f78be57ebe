"""A folder of providers from which ``terraform init -plugin-dir`` takes the stand-in as if it were ``hashicorp/google``.

Terraform records a checksum of what lies there, and compares it whenever it runs. So the file says the same as long as the
interpreter is the same, and what may differ from one rehearsal to the next, the rate of the clock and where a provider is
loaded already (`nursery`), lies beside the mirror.
"""

from __future__ import annotations

import os
import platform
import shlex
import sys
from pathlib import Path

from core.rehearsal.provider.pace import RATE

VERSION = "7.45.0"
SOURCE = Path("registry.terraform.io/hashicorp/google")
RATE_FILE = "rate"
NURSERY_FILE = "nursery"
_ARCHITECTURES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


def write(folder: Path, *, rate: float = 1.0) -> Path:
    """Fills ``folder`` and answers it; ``rate`` is how many simulated seconds pass in a real one, 0 for no waiting."""
    target = folder / SOURCE / VERSION / host()
    target.mkdir(parents=True, exist_ok=True)
    _replace(folder / RATE_FILE, f"{rate:g}\n", 0o644)
    _replace(target / f"terraform-provider-google_v{VERSION}_x5", _script(folder.absolute()), 0o755)
    return folder


def host() -> str:
    """This machine's system and processor as Terraform names them."""
    machine = platform.machine().lower()
    return f"{platform.system().lower()}_{_ARCHITECTURES.get(machine, machine)}"


def _script(folder: Path) -> str:
    lines = ["#!/bin/sh", f": ${{{RATE}:=$(cat {shlex.quote(str(folder / RATE_FILE))})}}", f"export {RATE}"]
    root = _import_root()
    if root:
        lines.append(f"export PYTHONPATH={shlex.quote(root)}")
    connector = Path(__file__).with_name("connector.py")
    lines.append(f"exec {shlex.join([sys.executable, '-I', '-S', str(connector), str(folder / NURSERY_FILE)])}")
    return "\n".join(lines) + "\n"


def _import_root() -> str:
    """Where the package lies, if the interpreter would not find it there by itself."""
    root = str(Path(__file__).resolve().parents[3])
    installed = any(Path(p).name in ("site-packages", "dist-packages") for p in (root,))
    return "" if installed else root


def _replace(path: Path, text: str, mode: int) -> None:
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return
    new = path.with_name(f".{path.name}.{os.getpid()}")
    new.write_text(text, encoding="utf-8")
    new.chmod(mode)
    new.replace(path)
