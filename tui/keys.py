"""Every key of the app in one table: one meaning each, on every screen.

Small letters look, go somewhere or copy. What starts, cancels, skips or destroys is a capital letter and asks first, so
that a pasted text or a slip starts nothing. Keys that terminals, browsers and editors keep for themselves (F1, F10, ctrl+p,
ctrl+q, ctrl+w, ctrl+t, ctrl+n, ctrl+b; VS Code's terminal also ctrl+g, ctrl+f, ctrl+e, ctrl+j, ctrl+k) are never the only
way; every action is on a button or in the palette, too.
"""

from __future__ import annotations

from dataclasses import dataclass

from textual.binding import Binding

TAKEN = frozenset("f1 f2 f3 f4 f5 f6 f7 f8 f9 f10 f11 f12 escape".split()) | {f"ctrl+{letter}" for letter in "befgjkmnpqtw"}
"""Keys that something between the person and the app may take, or hold back (esc in tmux)."""

MOST = 6
"""How many keys the footer shows at the most."""


@dataclass(frozen=True, slots=True)
class Key:
    """One action: its keys, the first one shown; ``rank`` orders the footer, 0 never leaves it.

    ``asks`` marks what starts, cancels or destroys something: its key opens a dialog and does nothing by itself.
    """

    action: str
    keys: tuple[str, ...]
    label: str
    help: str
    rank: int = 5
    asks: bool = False
    everywhere: bool = False

    @property
    def shown(self) -> str:
        """The first key, as a keyboard shows it."""
        return NAMES.get(self.keys[0], self.keys[0])

    @property
    def typed(self) -> str:
        """The first key that does something while one types, where letters are text."""
        name = next((k for k in self.keys if len(k) > 1 and k not in WRITTEN), self.keys[0])
        return NAMES.get(name, name)


WRITTEN = frozenset({"question_mark", "slash", "colon", "less_than_sign", "greater_than_sign"})
"""Signs that are text while one types."""

NAMES = {
    "question_mark": "?", "slash": "/", "colon": ":", "less_than_sign": "<", "greater_than_sign": ">", "escape": "esc",
    "ctrl+underscore": "ctrl+/", "left_square_bracket": "[", "right_square_bracket": "]",
}  # fmt: skip

TABLE = (
    Key("quit", ("q", "ctrl+q"), "Quit", "Leave the app; a run goes on, or is cancelled.", 0, everywhere=True),
    Key("interrupt", ("ctrl+c",), "Quit", "Copy what is selected; where nothing is, ask how to leave.", 9, everywhere=True),
    Key("help", ("question_mark", "ctrl+underscore", "ctrl+slash", "f1"), "Help", "Every key.", 0, everywhere=True),
    Key("palette", ("colon", "ctrl+g", "ctrl+p"), "Palette", "Find what can be done now, by name.", 8, everywhere=True),
    Key("mouse", ("m",), "Mouse", "Give the mouse to the terminal, to select with it, and back.", 9, everywhere=True),
    Key("back", ("b", "escape"), "Back", "Go back; a run goes on.", 3),
    Key("new", ("n",), "New", "Set up a new environment.", 2),
    Key("rehearse", ("e",), "Rehearse", "Try the whole installation on a simulated cloud, without an account.", 1),
    Key("watch", ("w",), "Watch", "See the environment's run, live or over.", 2),
    Key("access", ("a",), "Access", "How to reach what is installed.", 2),
    Key("retry", ("R",), "Retry", "Go on where the last run stopped; what is done stays done.", 1, asks=True),
    Key("cancel", ("X",), "Cancel run", "Stop the run once what is in flight is safe.", 2, asks=True),
    Key("awake", ("K",), "Keep awake", "Keep this machine at the run until its end.", 6, asks=True),
    Key("skip", ("S",), "Skip", "Leave the optional step out and go on.", 3, asks=True),
    Key("destroy", ("D",), "Destroy", "Remove everything that the environment made.", 2, asks=True),
    Key("buckets", ("y",), "Buckets", "Delete the buckets and everything in them too, or keep them.", 2),
    Key("install", ("I",), "Install", "Do everything that is shown.", 1, asks=True),
    Key("signed_in", ("G",), "Ready", "Tell the run that you have signed in, or give it the password.", 1, asks=True),
    Key("log", ("l",), "Log", "Go to the log, and back to the steps.", 2),
    Key("follow", ("f",), "Follow", "Stay at the log's end as it grows, or stop there.", 4),
    Key("filter", ("t",), "This step", "Only the chosen step's log, or all of them.", 4),
    Key("search", ("slash", "ctrl+f"), "Search", "Search in what is shown.", 3),
    Key("next_match", ("greater_than_sign",), "Next", "Go to the next place that matches.", 5),
    Key("previous_match", ("less_than_sign",), "Previous", "Go to the place before that matches.", 5),
    Key("save", ("s", "ctrl+s"), "Save", "Save what is shown as a file.", 4),
    Key("load", ("ctrl+o",), "Load", "Load answers from a file.", 5),
    Key("copy", ("c",), "Copy", "Copy what is chosen.", 3),
    Key("page", ("o",), "Open page", "Open the page, or show its address to be copied.", 3),
    Key("again", ("i",), "Look again", "Look at the chosen check again.", 2),
    Key("all_again", ("A",), "All again", "Look at everything again.", 4, asks=False),
    Key("run_here", ("H",), "Run here", "Leave the screen, run the command, and come back.", 2, asks=True),
    Key("parameters", ("p",), "Parameters", "What the environment is to be.", 1),
    Key("review", ("ctrl+r",), "Review", "Everything that will be done.", 1),
    Key("take", ("g",), "Take", "Take the value that is offered, with which nothing blocks.", 2),
    Key("forward", ("d",), "Forward", "Forward Kubeflow's interface to this machine, or end that.", 1),
    Key("verify", ("V",), "Verify", "Check that what is installed does what it is for.", 3, asks=True),
    Key("kubeconfig", ("k",), "kubectl", "Copy the command that points kubectl at the cluster.", 3),
    Key("tunnels", ("u",), "Tunnels", "A host's ports and sockets on this machine, Docker's first of all.", 4),
    Key("open_tunnel", ("U",), "Open", "Open the chosen tunnel; it stays when you leave.", 1, asks=True),
    Key("end_tunnel", ("E",), "End", "End the chosen tunnel.", 1, asks=True),
    Key("define_tunnel", ("j",), "Define", "Define a tunnel: a host, and what is forwarded from it.", 2),
    Key("devcontainer", ("v",), "Devcontainer", "Files that open your folder in a container of the image, in VS Code.", 5),
    Key("jupyter", ("x",), "JupyterLab", "Open the notebook's page, or show its address to be copied.", 4),
    Key("write", ("W",), "Write", "Write the files that are shown.", 1, asks=True),
    Key("generate", ("ctrl+y",), "Generate", "Have a password made.", 5),
    Key("reveal", ("ctrl+l",), "Advanced", "Show or fold the parameters that seldom matter.", 5),
)  # fmt: skip

BY_ACTION = {key.action: key for key in TABLE}
EVERYWHERE = tuple(key.action for key in TABLE if key.everywhere)


def bindings(*actions: str) -> list[Binding]:
    """The bindings of a screen that can do these actions; those that are everywhere are left out."""
    return [Binding(",".join(BY_ACTION[a].keys), a, BY_ACTION[a].label, show=False) for a in actions if a not in EVERYWHERE]


def everywhere() -> list[Binding]:
    """The bindings of the app itself."""
    return [Binding(",".join(BY_ACTION[a].keys), a, BY_ACTION[a].label, show=False) for a in EVERYWHERE]


def ranked(actions: list[str], cells: int, *, typing: bool = False) -> list[Key]:
    """The keys that a footer of that width shows, at most `MOST`, in the table's order; Quit and Help go last."""
    wanted = sorted((BY_ACTION[a] for a in dict.fromkeys(actions)), key=lambda key: key.rank)
    wanted = [key for key in wanted if key.rank < 8 and (not typing or len(key.typed) > 1)][:MOST]
    while wanted and sum(len(k.typed if typing else k.shown) + len(k.label) + 3 for k in wanted) > cells:
        wanted.pop()
    return [key for key in wanted if key.rank] + [key for key in wanted if not key.rank]
