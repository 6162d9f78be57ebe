"""How to reach what is installed: Kubeflow's interface, the cluster, the console; what was verified; what to do next.

Nothing that one may want to copy is cut short, and every address is the one that works from where the person sits.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Static

from core.environment import Environment
from core.environment.lifetime import cloud_shell
from core.errors import VerificationError
from core.install import endpoints, forwarding
from core.run.journal import seconds_between, timestamp
from tui import keys, signs, ways
from tui.background import in_thread
from tui.offstage import offstage
from tui.preparing import Telling
from tui.screens.base import BaseScreen, relabel
from tui.screens.dialogs import Ask, Choice
from tui.text import lines, text
from tui.times import age
from tui.verifying import verify
from tui.watching import Watched

LOOKS = 2.0
"""Seconds between two looks at whether the interface answers."""
PANELS = (
    ("interface", "Kubeflow Pipelines", ("forward", "page", "copy")),
    ("verified", "Verified for the pipelines' account", ("verify",)),
    ("notebook", "Notebook and VS Code", ("jupyter", "devcontainer")),
    ("cluster", "Cluster", ("kubeconfig",)),
    ("console", "Google Cloud console", ()),
    ("next", "Next", ("watch", "back")),
)


class AccessScreen(BaseScreen):
    """Looks every other second whether the interface answers."""

    ACTIONS = ("forward", "page", "copy", "kubeconfig", "jupyter", "devcontainer", "verify", "watch", "back")
    HELP = "Forward makes Kubeflow's interface answer at the address that is shown; it goes on when you leave."
    CSS_PATH = "access.tcss"
    MOVES: ClassVar = [
        Binding("up", "scroll_panels(-1)", "Up", show=False),
        Binding("down", "scroll_panels(1)", "Down", show=False),
        Binding("pageup", "scroll_panels(-10)", "Page up", show=False),
        Binding("pagedown", "scroll_panels(10)", "Page down", show=False),
    ]

    def __init__(self, environment: Environment) -> None:
        super().__init__()
        self.environment = environment
        self.document: dict[str, Any] | None = None
        self.checks: list[dict[str, str]] = []
        self.verified = ""
        self._verifying = self._forwarding = ""

    def body(self) -> ComposeResult:
        with VerticalScroll(id="panels", can_focus=False):
            for id, title, actions in PANELS:
                with Vertical(id=f"{id}-panel", classes="panel") as panel:
                    panel.border_title = text(title)
                    yield Static(id=id)
                    with Horizontal(classes="buttons"):
                        for action in actions:
                            key = keys.BY_ACTION[action]
                            yield Button(text(f"{key.label} ({key.shown})"), id=f"do-{action}")

    def on_mount(self) -> None:
        for panel in self.query(".buttons"):
            panel.display = bool(panel.children)
        self._show()
        self.query_one("#do-forward").focus()
        self.work(self._watch, group="watch")

    # -- looking

    async def _watch(self) -> None:
        await in_thread(self._verification)
        while True:
            await self._look()
            await asyncio.sleep(LOOKS)

    async def _look(self) -> None:
        self.document = await in_thread(endpoints.describe, self.environment)
        self._show()

    def _verification(self) -> None:
        watched = Watched.newest(self.environment)
        if watched is not None:
            watched.read()
            self.checks = list(watched.state.facts.get("verification") or [])
            self.verified = watched.state.last

    def _show(self) -> None:
        if not self.is_mounted:
            return
        document = self.document
        for id, content in (
            ("interface", self._interface(document)),
            ("verified", self._verified()),
            ("notebook", self._notebook(document)),
            ("cluster", self._cluster()),
            ("console", self._addresses(document)),
            ("next", text("Run a first pipeline in the interface: Pipelines, then a sample, then Create run.")),
        ):
            self.query_one(f"#{id}", Static).update(content)
        relabel(self.query_one("#do-forward", Button), text("End forward (d)" if self.forwarded else "Forward (d)"))
        self.query_one("#do-forward").display = self.allowed("forward")
        self.query_one("#do-page").display = self.allowed("page")
        self.query_one("#do-jupyter").display = self.allowed("jupyter")
        parts = [words for words in (self._verifying, self._forwarding) if words]
        parts = parts or ([self._standing(document)] if document else [])
        parts += ["rehearsal"] if self.environment.cloud == "rehearsal" else []
        self.place(self.environment.name, "access", standing=text(" · ".join(parts)))
        self.refresh_bindings()

    def _standing(self, document: dict[str, Any]) -> str:
        if not self.forwarded:
            return "not forwarded"
        return "forwarded, answers" if document["pipelines_ui"]["reachable"] else "forwarded"

    @property
    def forwarded(self) -> bool:
        """Whether a forward runs."""
        return forwarding.running(self.environment) is not None

    def _interface(self, document: dict[str, Any] | None) -> Content:
        if document is None:
            return text("Looking…")
        interface = document["pipelines_ui"]
        if interface["reachable"]:
            state = (f"{signs.sign('pass').sign} answers", "$text-success")
        elif self.forwarded:
            state = (f"{signs.sign('running').sign} forwarded, does not answer yet", "$text-warning")
        else:
            state = (f"{signs.sign('pending').sign} not forwarded; d forwards it", "$text-muted")
        rows = [text((str(interface["url"]), "bold underline")), text(state)]
        if interface["command"].startswith("ssh"):
            rows.append(text(("On your own machine, first  ", "$text-muted"), interface["command"]))
        elif not interface["reachable"] and interface["via"] == "port-forward":
            rows.append(text(("Without this screen  ", "$text-muted"), interface["command"]))
        if cloud_shell():
            rows.append(text("In Cloud Shell: Web Preview, on the port in the address."))
        if self.environment.cloud == "rehearsal":
            rows.append(text("A rehearsal: the interface is the simulated cloud's, and shows what it keeps."))
        return lines(*rows)

    def _verified(self) -> Content:
        if not self.checks:
            return text("Nothing is known of a verification; V verifies.")
        when = age(seconds_between(self.verified, timestamp())) if self.verified else ""
        rows = []
        for state, word in (("fail", "fails"), ("warn", "warns")):
            sign = signs.sign(state)
            rows += [
                text((f"{sign.sign} {word}  ", sign.style), f"{check['check']}: {check['detail']}")
                for check in self.checks
                if check["state"] == state
            ]
        passing = [check["check"] for check in self.checks if check["state"] == "pass"]
        sign = signs.sign("pass")
        if passing:
            rows.append(text((f"{sign.sign} {len(passing)} pass  ", sign.style), ", ".join(passing)))
        return lines(*rows, text((f"looked at {when}", "$text-muted")))

    def _notebook(self, document: dict[str, Any] | None) -> Content:
        if document is None:
            return text("Looking…")
        notebook = document.get("notebook")
        if notebook is None:
            return text(f"No notebook. Your own folder, in the image {self.environment.values['image']}: v.")
        rows = [text((notebook["url"] or notebook["name"], "bold underline"))]
        rows.append(text((f"{notebook['kind']}  ", "$text-muted"), notebook["name"]))
        if notebook.get("ssh_host"):
            rows.append(text(("over ssh  ", "$text-muted"), f"ssh {notebook['ssh_host']}"))
        if notebook["command"]:
            rows.append(text(("for VS Code  ", "$text-muted"), notebook["command"]))
        return lines(*rows)

    def _cluster(self) -> Content:
        return lines(text(self.kubectl()), text(("context ", "$text-muted"), self.environment.names.kubernetes_context))

    def _addresses(self, document: dict[str, Any] | None) -> Content:
        if self.environment.cloud == "rehearsal":
            return text("In a rehearsal there is nothing to see in the console.")
        return lines(*(text(url) for url in (document or {}).get("console", ["Looking…"])))

    def kubectl(self) -> str:
        """The command that points kubectl at the cluster."""
        namespace = self.environment.names.namespace
        return f"kubectl --kubeconfig {self.environment.kubeconfig} --namespace {namespace} get pods"

    # -- what can be done

    def action_scroll_panels(self, rows: int) -> None:
        """Looks further up or down."""
        self.query_one("#panels").scroll_relative(y=rows, animate=False)

    def allowed(self, action: str) -> bool:
        if action == "forward":
            return self.document is None or self.document["pipelines_ui"]["via"] == "port-forward"
        if action == "page":
            return self.document is not None and bool(self.document["pipelines_ui"]["reachable"])
        if action == "copy":
            return self.document is not None
        if action == "jupyter":
            return bool(((self.document or {}).get("notebook") or {}).get("url"))
        return action != "verify" or not self._verifying

    async def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        await self.do(str(event.button.id).removeprefix("do-"))

    def action_forward(self) -> None:
        """Forwards the interface, or ends that; one at a time, however often it is asked for."""
        if not self._forwarding:
            ends = self.forwarded
            self._forwarding = "ending the forward" if ends else "forwarding"
            self.work(partial(self._forward, ends=ends), group="forward")

    async def _forward(self, *, ends: bool) -> None:
        self._show()
        try:
            if ends:
                await in_thread(forwarding.stop, self.environment)
            else:
                await in_thread(forwarding.start, self.environment, forwarding.DEFAULT_PORT)
        finally:
            self._forwarding = ""
        await self._look()

    def action_page(self) -> None:
        """Opens the interface, or shows its address."""
        if self.document is not None:
            self.ours.open_page(str(self.document["pipelines_ui"]["url"]))

    def action_copy(self) -> None:
        """Copies the interface's address."""
        if self.document is not None:
            self.ours.copy(str(self.document["pipelines_ui"]["url"]))

    def action_jupyter(self) -> None:
        """Opens JupyterLab, or shows its address."""
        if self.document is not None:
            self.ours.open_page(str(self.document["notebook"]["url"]))

    def action_devcontainer(self) -> None:
        """A devcontainer on this environment's image."""
        ways.devcontainer(self.ours, self.environment.name)

    def action_kubeconfig(self) -> None:
        """Copies the command for kubectl."""
        self.ours.copy(self.kubectl())

    def action_watch(self) -> None:
        """Shows the last run."""
        ways.progress(self.ours, self.environment)

    def action_verify(self) -> None:
        """Verifies anew, a pipeline that runs through included, once that is confirmed."""

        def answered(answer: str | None) -> None:
            if answer == "yes":
                self.work(self._verify, group="verify")

        body = text("A small pipeline runs through, in which each managed service answers. It takes a few minutes.")
        self.app.push_screen(Ask("Verify?", body, [Choice("stay", "No"), Choice("yes", "Verify")]), answered)

    async def _verify(self) -> None:
        loop = asyncio.get_running_loop()

        def progress(message: str) -> None:
            loop.call_soon_threadsafe(partial(self._say_verifying, message))

        self._say_verifying("verifying")
        try:
            self.checks = await offstage(verify(self.environment, Telling(progress)))
            self.verified = timestamp()
        except VerificationError as error:
            if error.checks:
                self.checks, self.verified = [dict(check) for check in error.checks], timestamp()
            raise
        finally:
            self._say_verifying("")

    def _say_verifying(self, message: str) -> None:
        self._verifying = message
        self._show()
