"""Verifying an installed environment from the screen, outside any run."""

from __future__ import annotations

from core.environment import Environment
from core.install import outside
from core.run.step import Reporter
from tui.background import in_thread


async def verify(environment: Environment, reporter: Reporter) -> list[dict[str, str]]:
    """Every check with its result; raises `VerificationError` where one fails. Belongs offstage."""
    from core.install.verify import verify as checked

    installation = await in_thread(outside.opened, environment)
    try:
        return list(await checked(installation, reporter, run_hello=True))
    finally:
        await installation.close()
