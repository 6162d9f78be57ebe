"""Whose sign-in this machine has, for whoever only wants to show it: nothing is held to it, and nothing fails for it."""

from __future__ import annotations

from core.environment import Cloud
from core.errors import MlopsError
from core.gcp import Google
from core.gcp.errors import SignInEnded
from core.run.clock import Clock
from core.run.redact import Redactor


async def whose() -> str:
    """``signed in as …``, ``not signed in``, or that it could not be found out; asks Google at the most once."""
    google = Google(Cloud(), clock=Clock(1.0), redactor=Redactor(), project="")
    try:
        account = await google.account()
    except SignInEnded:
        return "not signed in"
    except MlopsError:
        found = google.credentials.sign_in
        return f"signed in as {found.account}" if found and found.account else "sign-in not looked at"
    finally:
        await google.close()
    return f"signed in as {account}" if account else "signed in"
