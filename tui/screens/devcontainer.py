"""A devcontainer for a folder of one's own: what is chosen on one side, the files as they would be on the other.

Nothing is written before it was seen and confirmed; what stood there is kept beside the new. Where an environment has no
image of the template, that is said in the place of the files.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from textual.app import ComposeResult
from textual.containers import Container, Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Static

from core.environment import Environment
from core.errors import MlopsError
from core.install import image
from core.workstation.devcontainer import Draft, Template, draft, prepare, sign_in, template, templates, write
from tui import keys
from tui.background import in_thread
from tui.offstage import offstage
from tui.screens.base import BaseScreen
from tui.screens.dialogs import Ask, Choice
from tui.text import lines, text
from tui.widgets.drafted import FileList, preview
from tui.widgets.field import Field

OPTIONS = (
    ("template", "Template", "What the container is for. Enter goes to the next one."),
    ("environment", "Environment", "Whose image it stands on; none: on a public base, with the image's own recipe."),
    ("docker", "Docker", "This machine's, or another host's, which has none of your files: they are cloned there."),
    ("credentials", "Credentials", "Google's Application Default Credentials of this machine, read-only; for Docker here."),
)
NONE, HERE, ELSEWHERE, MOUNTED = "none", "this machine", "another host", "mounted read-only"


@dataclass
class Chosen:
    """What is chosen: a value of each option, and the images that were looked up."""

    values: dict[str, list[str]]
    at: dict[str, int] = field(default_factory=dict)
    images: dict[tuple[str, str], dict[str, str] | MlopsError] = field(default_factory=dict)

    def value(self, option: str) -> str:
        """The value of an option."""
        return self.values[option][self.at.get(option, 0)]

    def next(self, option: str) -> None:
        """Goes to an option's next value."""
        self.at[option] = (self.at.get(option, 0) + 1) % len(self.values[option])

    @property
    def template(self) -> Template:
        return template(self.value("template"))

    @property
    def remote(self) -> bool:
        return self.value("docker") == ELSEWHERE


class OptionButton(Button):
    """One option with its value; ``help`` is what the help key says of it."""

    def __init__(self, option: str, help: str) -> None:
        super().__init__(id=f"option-{option}", classes="option")
        self.option, self.help = option, help


class DevcontainerScreen(BaseScreen):
    """Choosing, seeing and writing the files."""

    ACTIONS = ("write", "back")
    HELP = "Files for VS Code's Dev Containers, which open your folder in a container of this image."
    CSS_PATH = "devcontainer.tcss"
    AUTO_FOCUS = "#option-template"

    def __init__(self, environments: list[str], *, folder: Path, environment: str = "", wanted: str = "") -> None:
        super().__init__()
        self.folder = str(folder)
        self.chosen = Chosen({
            "template": [t.name for t in templates()],
            "environment": [NONE, *environments],
            "docker": [HERE, ELSEWHERE],
            "credentials": [MOUNTED, NONE],
        })  # fmt: skip
        if environment in environments:
            self.chosen.at["environment"] = environments.index(environment) + 1
        if wanted in self.chosen.values["template"]:
            self.chosen.at["template"] = self.chosen.values["template"].index(wanted)
        self.draft: Draft | None = None
        self.problem: MlopsError | None = None

    def body(self) -> ComposeResult:
        with Container(id="sides"):
            with Vertical(id="left"):
                with Vertical(id="options-panel", classes="panel") as panel:
                    panel.border_title = text("Your folder")
                    yield Field(self.folder, id="folder", help="The folder of your code; .devcontainer is made in it.")
                    for option, label, help in OPTIONS:
                        with Horizontal(classes="row"):
                            yield Static(text(label), classes="name")
                            yield OptionButton(option, help)
                with Vertical(id="files-panel", classes="panel") as panel:
                    panel.border_title = text(".devcontainer")
                    yield FileList(id="files")
                    key = keys.BY_ACTION["write"]
                    yield Button(text(f"{key.label} ({key.shown})"), id="do-write")
            with VerticalScroll(id="preview-panel", classes="panel"):
                yield Static(text("Looking…"), id="preview")

    def on_mount(self) -> None:
        self.place("devcontainer")
        self.query_one("#do-write").display = False
        self._label()
        self._again()

    # -- choosing

    def _label(self) -> None:
        for option, _, _ in OPTIONS:
            button = self.query_one(f"#option-{option}", Button)
            button.label = text(self.chosen.value(option))
        self.query_one("#option-credentials").disabled = self.chosen.remote
        self.query_one("#options-panel").border_subtitle = text(self.chosen.template.title)

    def on_input_changed(self, event: Field.Changed) -> None:
        self.folder = event.value
        self._again()

    async def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        if isinstance(event.button, OptionButton):
            self.chosen.next(event.button.option)
            self._label()
            self._again()
        else:
            await self.do(str(event.button.id).removeprefix("do-"))

    # -- seeing

    def _again(self) -> None:
        self.work(self._look, group="draft")

    async def _look(self) -> None:
        try:
            found = await self._image()
            made = await in_thread(
                draft,
                self.chosen.template,
                Path(self.folder or "."),
                image=found.get("reference", ""),
                project=found.get("project", ""),
                remote=self.chosen.remote,
                credentials=self.chosen.value("credentials") == MOUNTED,
                rehearsed=found.get("cloud") == "rehearsal",
            )
        except MlopsError as error:
            self.draft, self.problem = None, error
        else:
            self.draft, self.problem = made, None
        if self.is_mounted:
            self._show()

    async def _image(self) -> dict[str, str]:
        """The environment's image of the template, looked up once; raises where it has none."""
        name, wanted = self.chosen.value("environment"), self.chosen.value("template")
        if name == NONE:
            return {}
        known = self.chosen.images.get((name, wanted))
        if known is None:
            self.query_one("#preview", Static).update(text(f"Looking for {name}'s image…"))
            try:
                known = await offstage(image.of(Environment.load(self.ours.home, name), wanted))
            except MlopsError as error:
                known = error
            self.chosen.images[name, wanted] = known
        if isinstance(known, MlopsError):
            raise known
        return known

    def _show(self) -> None:
        self.query_one(FileList).show(self.draft.files if self.draft is not None else ())
        folder = self.draft.folder.name if self.draft is not None else ""
        self.place("devcontainer", standing=text(folder))
        self.query_one("#do-write").display = self.allowed("write")
        self._preview()
        self.refresh_bindings()

    def on_lined_chosen(self) -> None:
        self._preview()
        self.query_one("#preview-panel").scroll_home(animate=False)

    def _preview(self) -> None:
        panel, file = self.query_one("#preview-panel"), self.query_one(FileList).file()
        panel.border_title = text(file.name.rpartition("/")[2] if file is not None else "")
        self.query_one("#preview", Static).update(self._told() if file is None or self.draft is None else self._file())

    def _file(self) -> Content:
        file = self.query_one(FileList).file()
        assert file is not None
        assert self.draft is not None
        notes = [text(("! ", "$text-warning"), note) for note in self.draft.notes]
        return lines(*notes, *([text("")] if notes else []), preview(file))

    def _told(self) -> Content:
        if self.problem is None:
            return text("")
        rows = [text((self.problem.message, "$text-error"))]
        rows += [text(part) for part in (self.problem.cause, self.problem.hint, self.problem.command) if part]
        return lines(*rows)

    # -- writing

    def allowed(self, action: str) -> bool:
        if action != "write":
            return True
        return self.draft is not None and any(file.state != "same" for file in self.draft.files)

    def action_write(self) -> None:
        """Writes the files, once that is confirmed."""
        made = self.draft
        if made is None:
            return

        def answered(answer: str | None) -> None:
            if answer in ("yes", "sign-in"):
                self.work(lambda: self._write(made, sign_in=answer == "sign-in"), group="write")

        replaced = [file.name for file in made.replaced]
        said = (
            f"{', '.join(replaced)} will be replaced; the old are kept beside the new."
            if replaced
            else "Nothing is replaced."
        )
        body = f"Writes {len(made.files)} files into {made.folder}. {said}"
        choices = [Choice("stay", "No"), Choice("yes", "Write")]
        if made.pull.launcher is not None:
            body += f" Docker here has no sign-in to {made.pull.host}: a line in its own file can name mlops-env for it."
            choices.append(Choice("sign-in", "Write, sign Docker in"))
        self.app.push_screen(Ask("Write?", text(body), choices), answered)

    async def _write(self, made: Draft, *, sign_in: bool) -> None:
        if sign_in:
            await in_thread(self._sign_in, made)
        kept: list[Any] = await in_thread(write, made)
        also = f" Kept: {', '.join(path.name for path in kept)}." if kept else ""
        self.app.notify(f"Written.{also} In VS Code: Dev Containers: Reopen in Container.", markup=False)
        await self._look()

    def _sign_in(self, made: Draft) -> None:
        sign_in(made.pull, prepare(made.pull.host), self.ours.home)
