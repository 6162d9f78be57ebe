"""The command line that a configuration names for ``mlops-env ssh iap-proxy``: absolute, and good without an environment.

Programs that are started from a dock have no PATH to speak of, and none of the variables that a shell sets; a path with an
interpreter's version in it ends at the next upgrade. So the launcher that pip or pipx installed is named, by its own place,
and the variables that say where things are go with it.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path

from core.environment.paths import at_home
from core.errors import PrerequisiteError
from core.gcp.properties import gcloud_property
from core.workstation.ssh.relay import Destination

CARRIED = ("MLOPS_ENV_HOME", "MLOPS_ENV_REHEARSAL", "CLOUDSDK_CONFIG", "GOOGLE_APPLICATION_CREDENTIALS")
"""Variables that name places; none of them holds a secret."""


def program() -> list[str]:
    """How this mlops-env is started again from anywhere."""
    beside = Path(sys.executable).parent / "mlops-env"
    on_path = shutil.which("mlops-env")
    if on_path and (not beside.exists() or os.path.realpath(on_path) == os.path.realpath(beside)):
        return [str(Path(on_path).absolute())]
    if beside.exists():
        return [str(beside)]
    return [sys.executable, "-P", "-m", "core.cli"]


def gclouds_command(to: Destination, account: str = "") -> str:
    """The value of ProxyCommand where only gcloud gets through: a company that asks for a client's certificate."""
    gcloud = shutil.which("gcloud")
    if gcloud is None:
        raise PrerequisiteError(
            "Your company asks for this device's certificate on the way to a VM, and only gcloud has it.",
            code="client-certificate",
            cause="gcloud's context_aware/use_client_certificate is set, and there is no gcloud on the PATH.",
            hint="Install gcloud, and add the entry then.",
        )
    words = [*_carrying("CLOUDSDK_CONFIG"), str(Path(gcloud).absolute()), "compute", "start-iap-tunnel", to.instance]
    after = ["--listen-on-stdin", f"--project={to.project}", f"--zone={to.zone}", "--verbosity=warning"]
    after += [f"--account={account}"] if account else []
    return " ".join([*map(_word, words), "%p", *map(_word, after)])


def certificate_asked() -> bool:
    """Whether gcloud is told to show this device's certificate, as it must in some companies."""
    return gcloud_property("context_aware", "use_client_certificate").lower() in ("true", "yes", "1")


def proxy_command(to: Destination, account: str = "") -> str:
    """The value of ProxyCommand for a VM; ``account`` is whose the entry's key and user are."""
    if certificate_asked():
        return gclouds_command(to, account)
    words = [*_carrying(*CARRIED), *program(), "ssh", "iap-proxy", to.instance]
    after = ["--project", to.project, "--zone", to.zone, *(["--account", account] if account else [])]
    return " ".join([*map(_word, words), "%p", *map(_word, after)])


def _carrying(*names: str) -> list[str]:
    """The beginning of a command that has these variables, as far as they are set here."""
    variables = [f"{name}={at_home(os.environ[name]).absolute()}" for name in names if os.environ.get(name)]
    return ["/usr/bin/env", *variables] if variables else []


def _word(text: str) -> str:
    return shlex.quote(text).replace("%", "%%")
