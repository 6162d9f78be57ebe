"""Docker's credential helper for Artifact Registry: a fresh token of whoever is signed in here, and nothing kept.

Docker asks the client's helper, wherever the engine is, and writes down what ``docker login`` gives it; so a helper is the
one way on which no secret comes to lie in a file. It is started by Docker's client as ``docker-credential-mlops-env VERB``
with a registry on its standard input, and answers on its standard output, errors too, as the client expects.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence

from core.environment import Cloud
from core.errors import MlopsError
from core.gcp.quick_token import QuickTokens
from core.run.redact import Redactor

NAME = "mlops-env"
"""What follows ``docker-credential-`` in the program's name, and stands in Docker's configuration."""
MODULE = "core.workstation.docker_credential"
USER = "oauth2accesstoken"
"""The user name with which Artifact Registry takes an access token for a password."""
UNKNOWN = "credentials not found in native keychain"
"""The words by which Docker's client knows that a helper has nothing for a registry, and goes on without."""
_REGISTRIES = ("docker.pkg.dev", "gcr.io")


def ours(registry: str) -> bool:
    """Whether a registry is Google's: nobody else is given a token."""
    host = registry.strip().removeprefix("https://").partition("/")[0]
    return any(host == name or host.endswith((f"-{name}", f".{name}")) for name in _REGISTRIES)


def main(arguments: Sequence[str] | None = None) -> int:
    """Answers one question of Docker's client; returns its exit code."""
    (verb, *_) = [*(sys.argv[1:] if arguments is None else arguments), ""]
    if verb == "list":
        return _said("{}")
    asked = sys.stdin.read().strip()
    if verb == "erase":
        return 0
    if verb != "get":
        return _said("mlops-env keeps no passwords: it gives Google's registries a token of who is signed in.", 1)
    if not ours(asked):
        return _said(UNKNOWN, 1)
    try:
        token = asyncio.run(QuickTokens(Cloud(), Redactor()).token())
    except MlopsError as error:
        return _said(" ".join(part for part in (error.message, error.hint, error.command) if part), 1)
    return _said(json.dumps({"ServerURL": asked, "Username": USER, "Secret": token.value}))


def _said(text: str, code: int = 0) -> int:
    print(text)
    return code


if __name__ == "__main__":
    sys.exit(main())
