"""A line for a secret: masked, never copied or cut, and cleared when it is taken."""

from __future__ import annotations

from tui.widgets.field import Field


class PasswordField(Field):
    """A `Field` whose text reaches nothing but whoever calls `take`."""

    def __init__(self, *, placeholder: str = "", help: str = "", id: str | None = None) -> None:
        super().__init__(placeholder=placeholder, help=help, id=id)
        self.password = True

    def action_copy(self) -> None:
        """A secret is not copied."""
        self.app.bell()

    def action_cut(self) -> None:
        """A secret is not cut."""
        self.app.bell()

    def get_selection(self, selection: object) -> None:
        return None

    def take(self) -> str:
        """The secret, which is gone from here then."""
        value = self.value
        self.value = ""
        return value
