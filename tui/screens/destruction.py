"""Everything that a destruction removes, and what it leaves, before anything is removed; the name has to be typed."""

from __future__ import annotations

from functools import partial

from textual.content import Content
from textual.widgets import Button

from core.environment import Environment
from core.install.removal import Made, Removal, removal
from tui import keys, steering, ways
from tui.background import in_thread
from tui.screens.base import relabel
from tui.screens.dialogs import AskName
from tui.screens.treed import TreeScreen
from tui.text import lines, text
from tui.widgets.tree import Node


class DestructionScreen(TreeScreen):
    """What goes and what stays, as the journals tell it; the buckets go or stay as one chooses."""

    ACTIONS = ("destroy", "buckets", "search", "save", "copy", "back")
    BUTTONS = ("destroy", "buckets", "search", "save", "back")
    HEADING = "What will be removed"
    FILE = "removal"
    HELP = "Nothing has been removed yet. What is shown is what the runs made, and what goes with it."

    def __init__(self, environment: Environment) -> None:
        super().__init__()
        self.environment = environment
        self.removal: Removal | None = None
        self.data = False
        self._starting = False

    def whose(self) -> str:
        return self.environment.name

    def on_mount(self) -> None:
        self.place(self.environment.name, "destroy", standing=text(self._kind()))
        self.work(self._look, group="look")

    def _kind(self) -> str:
        return "rehearsal" if self.environment.cloud == "rehearsal" else "Google Cloud"

    async def _look(self) -> None:
        self.removal = await in_thread(removal, self.environment)
        self._show()

    def _show(self) -> None:
        found = self.removal
        if found is None:
            return
        self.show_tree(_tree(found, namespace=self.environment.names.namespace, data=self.data))
        count = len(found.cloud) + len(found.objects) + len(found.buckets) * self.data
        self.place(self.environment.name, "destroy", standing=text(f"{count} to remove · {self._kind()}"))
        self.summarize(_summary(self.environment, data=self.data))
        key = keys.BY_ACTION["buckets"]
        relabel(self.query_one("#do-buckets", Button), text(f"{'Keep' if self.data else 'Delete'} buckets ({key.shown})"))
        self.refresh_bindings()

    def allowed(self, action: str) -> bool:
        return action == "back" or (self.removal is not None and not self._starting)

    def action_buckets(self) -> None:
        """Deletes the buckets too, or keeps them."""
        self.data = not self.data
        self._show()

    def action_destroy(self) -> None:
        """Does it, once the environment's name was typed."""

        def answered(yes: bool | None) -> None:
            if yes and not self._starting:
                self._starting = True
                self.work(self._destroy, group="destroy")

        buckets = "The buckets and everything in them go too." if self.data else "The buckets and what is in them stay."
        body = text(f"Everything that is shown is removed, the database with all runs and metadata too. {buckets}")
        self.app.push_screen(AskName("Destroy", body, self.environment.name, "Destroy"), answered)

    async def _destroy(self) -> None:
        try:
            run = await in_thread(partial(steering.destroy, self.environment, delete_data=self.data))
        finally:
            self._starting = False
        # A screen's own worker can't wait for the end of its screen.
        self.ours.run_worker(ways.installing(self.ours, self.environment, run), group="steer", exit_on_error=False)


def _tree(found: Removal, *, namespace: str, data: bool) -> list[Node]:
    roots = [
        _node("Google Cloud", found.cloud, unfolded=True),
        _node(f"Kubernetes, namespace {namespace}", found.objects),
    ]
    buckets = _node("Buckets, with everything in them", found.buckets, unfolded=True)
    stays = [_node("APIs, which others may use by now", found.services)]
    if data:
        roots.append(buckets)
    else:
        stays.insert(0, buckets)
    count = sum(int(node.note) for node in stays)
    return [*roots, Node("What stays", str(count), stays, unfolded=True)]


def _node(label: str, made: tuple[Made, ...], *, unfolded: bool = False) -> Node:
    kinds: dict[str, list[Made]] = {}
    for one in made:
        kinds.setdefault(one.kind, []).append(one)
    below = [Node(_kind(kind), str(len(ones)), [Node(one.id) for one in ones]) for kind, ones in sorted(kinds.items())]
    if len(below) == 1:
        below = below[0].below
    return Node(label, str(len(made)), below, unfolded=unfolded)


def _kind(kind: str) -> str:
    return kind.removeprefix("google_").replace("_", " ")


def _summary(environment: Environment, *, data: bool) -> Content:
    values, names = environment.values, environment.names
    return lines(
        text(("Nothing has been removed yet.", "bold")),
        text(""),
        text(f"{values['project_id']}, {values['zone'] or values['region']}"),
        text(""),
        text(("Gone for good", "$text-muted")),
        text("the database, with all runs and metadata"),
        text("the disks of the cluster's volumes"),
        *([text("the buckets, with everything in them")] if data else []),
        text(""),
        text(("Stays", "$text-muted")),
        *([] if data else [text(f"gs://{names.artifact_bucket}"), text(f"gs://{names.state_bucket}")]),
        text("the APIs that were switched on"),
        text("the record and the logs on this machine"),
        text(""),
        text(("Also", "$text-muted")),
        text("What the environment made and no run wrote down is found in the cloud by its label, and removed."),
    )
