"""The line at the top: where one is, how it stands, and whether this is a rehearsal; never left out."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from tui.text import cut, line, text


class PlaceBar(Widget):
    """``places`` lead here from the left; ``standing`` is how it stands, at the right."""

    DEFAULT_CSS = "PlaceBar { height: 1; background: $panel; color: $foreground; padding: 0 1; }"

    places: reactive[tuple[str, ...]] = reactive(())
    """The names that lead here, the app's own left out."""
    standing: reactive[Content] = reactive(Content(""))
    """How the thing that is shown stands."""

    def render(self) -> Content:
        cells = self.size.width
        right = self.standing
        room = cells - right.cell_length - 2
        place = _joined(self.places, room)
        gap = max(1, cells - place.cell_length - right.cell_length)
        return text(place, " " * gap, right)


def _joined(places: Sequence[str], cells: int) -> Content:
    names = [line(name) for name in ("mlops-env", *places)]
    while len(names) > 1 and len(" › ".join(names)) > cells:
        names.pop(0)
    if len(names) == 1:
        names[0] = cut(names[0], max(1, cells))
    last = names.pop()
    before = "".join(f"{name} › " for name in names)
    return text((before, "$text-muted"), (last, "bold"))
