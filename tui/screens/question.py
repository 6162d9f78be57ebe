"""A question of ssh's (a passphrase, a code, a key that is not known), asked while a tunnel is opened."""

from __future__ import annotations

from concurrent.futures import Future
from typing import TYPE_CHECKING

from tui.screens.dialogs import Ask, Choice
from tui.screens.secret import AskSecret
from tui.text import line, text

if TYPE_CHECKING:
    from textual.app import App

    from core.workstation.tunnel.asking import Ask as Asks
    from core.workstation.tunnel.asking import Tell

TITLE, WAITS = "ssh asks", "ssh waits"


def telling(app: App[object]) -> Tell:
    """Says on the screen what ssh waits for, a touch of a security key, for the same thread."""
    return lambda said: app.call_from_thread(app.notify, line(said), title=WAITS, markup=False)


def asking(app: App[object]) -> Asks:
    """Puts ssh's questions on the screen, for the thread that opens a tunnel; the app itself never waits for them."""

    def ask(prompt: str, secret: bool) -> str | None:
        answered: Future[str | None] = Future()
        if secret:
            dialog = AskSecret(TITLE, prompt.strip(), help="It goes to ssh, and is kept nowhere.", yes="Answer")
            app.call_from_thread(app.push_screen, dialog, answered.set_result)
            return answered.result()
        question = Ask(TITLE, text(prompt.strip()), [Choice("no", "No"), Choice("yes", "Yes")])
        app.call_from_thread(app.push_screen, question, answered.set_result)
        return answered.result() or "no"

    return ask
