"""Which project is meant where none is given: what the machine says, and where it says so."""

from __future__ import annotations

import asyncio
import os

from core.gcp.client import Google
from core.gcp.credentials import cloud_shell, configured_project

VARIABLES = ("GOOGLE_CLOUD_PROJECT", "DEVSHELL_PROJECT_ID")


async def default_project(google: Google) -> tuple[str, str]:
    """The project and what names it; two empty texts where nothing does.

    In Cloud Shell the sign-in names none that can be trusted, so there only the variables and gcloud do.
    """
    for name in VARIABLES:
        if os.environ.get(name):
            return os.environ[name], name
    sign_in = await google.credentials.load()
    if sign_in.project and not cloud_shell():
        return sign_in.project, "the sign-in"
    configured = await asyncio.to_thread(configured_project)
    return (configured, "gcloud") if configured else ("", "")
