"""Tunnels: how each stands, its health and traffic, what to do with it; opened, ended and defined from here.

A tunnel is a process of its own; this screen looks at what each tells, and nothing ends when it is left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Static

from core.environment import Home
from core.errors import MlopsError
from core.workstation.tunnel import book, docker, tunnels
from core.workstation.tunnel.asking import Ask as Asks
from core.workstation.tunnel.asking import Tell
from core.workstation.tunnel.definition import Forward, Tunnel, check_forwards, check_name
from core.workstation.tunnel.health import BY_SUDO
from core.workstation.tunnel.status import UP, Status
from tui import keys
from tui.background import in_thread
from tui.screens.base import BaseScreen
from tui.screens.dialogs import Ask, AskText, Choice, ShowText
from tui.screens.question import asking, telling
from tui.text import lines, text
from tui.widgets.tunnels import TunnelList, heads, last_error, size

LOOKS = 1.0
"""Seconds between two looks at the tunnels."""
BUTTONS = ("open_tunnel", "end_tunnel", "define_tunnel", "copy", "log")


class TunnelsScreen(BaseScreen):
    """The tunnels of this user."""

    ACTIONS = ("open_tunnel", "end_tunnel", "define_tunnel", "copy", "log", "back")
    HELP = "A tunnel brings a host's ports and sockets to this machine, Docker's first of all. It stays when you leave."
    CSS_PATH = "tunnels.tcss"

    def __init__(self) -> None:
        super().__init__()
        self._busy = ""
        self._looked = False

    def body(self) -> ComposeResult:
        with Vertical(id="list-panel", classes="panel") as panel:
            panel.border_title = text("Tunnels")
            yield Static(id="heads")
            yield TunnelList(id="tunnels")
            yield Static(EMPTY, id="empty")
        with Vertical(id="detail-panel", classes="panel"):
            with VerticalScroll(id="detail-scroll", can_focus=False):
                yield Static(text("Looking what is here…"), id="detail")
            with Horizontal(id="buttons"):
                for action in BUTTONS:
                    key = keys.BY_ACTION[action]
                    yield Button(text(f"{key.label} ({key.shown})"), id=f"do-{action}")

    def on_mount(self) -> None:
        self.place("tunnels")
        self.listed.focus()
        self.query_one("#empty").display = False
        self.work(self._watch, group="watch")

    @property
    def listed(self) -> TunnelList:
        """The list of tunnels."""
        return self.query_one("#tunnels", TunnelList)

    async def on_resize(self, event: events.Resize) -> None:
        await super().on_resize(event)
        if self._looked:
            self._show(self.listed.tunnels)

    # -- looking

    async def _watch(self) -> None:
        while True:
            await self._look()
            await asyncio.sleep(LOOKS)

    async def _look(self, *, choose: str = "") -> None:
        found = await in_thread(self._found)
        if self.is_mounted:
            self._looked = True
            self._show(found)
            if choose:
                self.listed.chosen = next((at for at, each in enumerate(found) if each.tunnel == choose), 0)

    def _found(self) -> list[Status]:
        home = self.ours.home
        defined = book.load(home)
        return [_with_ends(home, tunnels.status(home, name), defined.get(name)) for name in tunnels.names(home)]

    def _show(self, found: list[Status]) -> None:
        self.listed.show(found)
        self.query_one("#heads", Static).update(text((heads(self.listed.size.width or self.size.width - 4), "$text-muted")))
        self.query_one("#empty").display = not found
        self.query_one("#heads").display = self.listed.display = bool(found)
        up = sum(each.state == UP for each in found)
        others = sum(each.pid is not None and each.state != UP for each in found)
        said = [f"{up} up"] * bool(up) + [f"{others} not yet"] * bool(others)
        self.place("tunnels", standing=text(self._busy or " · ".join(said)))
        self._detail()

    def _detail(self) -> None:
        found = self.listed.tunnel()
        panel = self.query_one("#detail-panel")
        panel.border_title = text(found.tunnel if found is not None else "Begin")
        if self._looked:
            self.query_one("#detail", Static).update(_told(found))
        for button in self.query("#buttons Button"):
            button.display = self.allowed(str(button.id).removeprefix("do-"))
        self.refresh_bindings()

    def on_lined_chosen(self) -> None:
        self._detail()

    async def on_lined_opened(self) -> None:
        await self.do("end_tunnel" if self.allowed("end_tunnel") else "open_tunnel")

    # -- what can be done

    def allowed(self, action: str) -> bool:
        if action in ("back", "define_tunnel"):
            return True
        found = self.listed.tunnel() if self.query("#tunnels") else None
        if found is None or self._busy:
            return False
        if action == "open_tunnel":
            return found.pid is None
        if action == "end_tunnel":
            return found.pid is not None
        return action != "copy" or bool(_copied(found))

    async def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        await self.do(str(event.button.id).removeprefix("do-"))

    def _chosen(self) -> str:
        found = self.listed.tunnel()
        assert found is not None
        return found.tunnel

    def action_open_tunnel(self) -> None:
        """Opens the chosen tunnel, once that is confirmed."""
        name, found = self._chosen(), self.listed.tunnel()
        assert found is not None

        def answered(answer: str | None) -> None:
            if answer in ("yes", "context", "sudo"):
                self.work(partial(self._open, name, answer), group="steer")

        offered = any(each.offer == BY_SUDO for each in found.forwards)
        more = Choice("sudo", "Open, with sudo there") if offered else Choice("context", "Open, with a Docker context")
        choices = [Choice("stay", "No"), Choice("yes", "Open"), more]
        tunnel = tunnels.defined(self.ours.home, name)
        body = lines(
            text(f"Connects to {tunnel.leads_to} and listens here. It stays when you leave."),
            *(text((sentence, "$text-warning")) for sentence in docker.opened_to_all(tunnel.forwards)),
        )
        self.app.push_screen(Ask(f"Open {name}?", body, choices), answered)

    async def _open(self, name: str, how: str) -> None:
        await self._while(f"opening {name}", partial(_open, self.ours.home, name, how, asking(self.app), telling(self.app)))

    def action_end_tunnel(self) -> None:
        """Ends the chosen tunnel, once that is confirmed."""
        name = self._chosen()

        def answered(answer: str | None) -> None:
            if answer == "yes":
                self.work(partial(self._while, f"ending {name}", partial(tunnels.stop, self.ours.home, name)), group="steer")

        body = text("What is connected through it ends with it.")
        self.app.push_screen(Ask(f"End {name}?", body, [Choice("stay", "No"), Choice("yes", "End")]), answered)

    async def _while(self, words: str, work: Callable[[], object]) -> None:
        self._busy = words
        await self._look()
        try:
            await in_thread(work)
        finally:
            self._busy = ""
            await self._look()

    def action_define_tunnel(self) -> None:
        """Defines a tunnel: a host, and what it forwards."""
        self._ask("")

    def _ask(self, proposed: str) -> None:
        body = lines(
            text("An environment or a host that ssh knows; after it, what is forwarded, as LOCAL=REMOTE."),
            text(("gpu-vm                      Docker's socket", "$text-muted")),
            text(("gpu-vm 8888=8888 6006=6006  two ports", "$text-muted")),
        )
        self.app.push_screen(AskText("Define a tunnel", body, proposed, "Define"), self._define)

    def _define(self, given: str | None) -> None:
        if not given:
            return
        try:
            tunnel = _defined(self.ours.home, given)
            book.keep(self.ours.home, tunnel)
        except MlopsError as error:
            self._ask(given)  # below what is wrong with it, to be mended
            self.ours.show_error(error)
            return
        self.work(partial(self._look, choose=tunnel.name), group="define")

    def action_copy(self) -> None:
        """Copies what a shell needs to use the chosen tunnel."""
        found = self.listed.tunnel()
        if found is not None:
            self.ours.copy(_copied(found))

    def action_log(self) -> None:
        """Shows what happened to the chosen tunnel."""
        name = self._chosen()
        try:
            told = tunnels.log(self.ours.home, name).read_text(errors="replace")
        except (MlopsError, OSError) as error:
            told = str(error)
        self.app.push_screen(ShowText(f"Log of {name}", text(told)))


EMPTY = text("No tunnel is known on this machine yet.")
BEGIN = lines(
    text("Define one here, or begin one anywhere: ", ("mlops-env tunnel up HOST", "bold")),
    text(("It brings Docker's socket from a host of ssh's, or any port, and reconnects by itself.", "$text-muted")),
)


def _defined(home: Home, given: str) -> Tunnel:
    """The tunnel that was typed; one of that name keeps what the words do not say."""
    name, *forwards = given.split()
    return replace(tunnels.defined(home, check_name(name)), forwards=check_forwards([*map(Forward.parse, forwards)]))


def _open(home: Home, name: str, how: str, ask: Asks, tell: Tell) -> None:
    known = tunnels.defined(home, name)
    tunnel = replace(known, docker_context=known.docker_context or how == "context", sudo=known.sudo or how == "sudo")
    if tunnel != known:
        book.keep(home, tunnel)
    _add_first(home, tunnel, ask)
    found = tunnels.start(home, tunnel, ask=ask, tell=tell)
    if found.docker_context and found.docker_host:
        docker.make_context(found.docker_context, found.docker_host)


def _add_first(home: Home, tunnel: Tunnel, ask: Asks) -> None:
    """Offers to write ssh's entry for a VM that ssh does not know yet; the tunnel itself says what is lacking without it."""
    from core.workstation.tunnel import adding

    def agreed(question: str) -> bool:
        return ask(question, False) == "yes"

    to = asyncio.run(adding.not_added(home, tunnel))
    if to is not None and agreed(f"ssh does not know {to.host} yet. Write its entry into your ssh configuration?"):
        asyncio.run(adding.add(home, to, accept=agreed))


def _with_ends(home: Home, found: Status, defined: Tunnel | None) -> Status:
    """A tunnel that was never up shows what it would forward."""
    from core.workstation.tunnel.preparing import complete
    from core.workstation.tunnel.status import ForwardStatus

    if not found.forwards and defined is not None:
        ends = complete(home, defined).forwards
        found.forwards = [ForwardStatus(str(each.local), str(each.remote)) for each in ends]
        found.host = defined.leads_to
    return found


def _copied(found: Status) -> str:
    if found.pid is None:
        return ""
    return f"export DOCKER_HOST={found.docker_host}" if found.docker_host else found.forwards[0].local


def _told(found: Status | None) -> Content:
    if found is None:
        return BEGIN
    way = " · ".join(part for part in (found.host, found.engine, found.about) if part)
    rows = [text(way + (f" ({found.why_engine})" if found.why_engine else ""))]
    if found.error is not None:
        rows.append(text((f"{found.error['message']} {found.error.get('cause', '')}".rstrip(), "$text-error")))
        if found.error.get("hint"):
            rows.append(text(found.error["hint"]))
    elif found.last_error is not None:
        rows.append(text((last_error(found), "$text-muted")))
    if found.docker_host:
        rows.append(text(("export ", "$text-muted"), (f"DOCKER_HOST={found.docker_host}", "bold")))
    if found.docker_context:
        rows.append(text(("context ", "$text-muted"), (found.docker_context, "bold")))
    if found.relayed and found.docker_host:
        rows.append(text((docker.BULK, "$text-muted")))
    rows += [text((sentence, "$text-warning")) for sentence in docker.opened_to_all(found.forwards)]
    for each in found.forwards:
        rows.append(text(each.local, ("  →  ", "$text-muted"), each.remote))
        if found.pid is not None:
            passed = f"{each.open} open of {each.connections}, {size(each.up_bytes)} up, {size(each.down_bytes)} down"
            style = {"ok": "$text-success", "failing": "$text-error"}.get(each.health, "$text-muted")
            rows.append(text("  ", (each.detail or "Nothing has used it yet.", style), ("  " + passed, "$text-muted")))
    if found.pid is not None:
        again = f"{found.reconnects} reconnects · " if found.reconnects else ""
        rows.append(text((f"{again}{size(found.up_rate)}/s up, {size(found.down_rate)}/s down", "$text-muted")))
    return lines(*rows)
