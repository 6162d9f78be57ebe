"""Whether this machine's Docker can pull an environment's image: it asks the client's own credential helper, and no other.

It is only looked, never written: a ``docker login`` with a token would leave a secret in a file.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path


def cannot_pull(image: str) -> str:
    """What is missing to pull an image of Artifact Registry, as a sentence with its command; empty where nothing is."""
    host = image.partition("/")[0]
    if not host.endswith("-docker.pkg.dev"):
        return ""
    helper = _helper(host)
    if not helper:
        return f"Docker on this machine has no sign-in to {host}: gcloud auth configure-docker {host}"
    if shutil.which(f"docker-credential-{helper}") is None:
        return f"Docker signs in to {host} by docker-credential-{helper}, which is not on PATH."
    return ""


def _helper(host: str) -> str:
    """The credential helper that the client would ask for a registry."""
    folder = os.environ.get("DOCKER_CONFIG", "")
    path = (Path(folder) if folder else Path.home() / ".docker") / "config.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    if not isinstance(found, dict):
        return ""
    helpers = found.get("credHelpers")
    named = helpers.get(host) if isinstance(helpers, dict) else ""
    return str(named or "")
