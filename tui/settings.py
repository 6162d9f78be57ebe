"""What a person chose of the screen in the palette, kept from one start to the next in ``settings.toml``.

A variable that says otherwise (TEXTUAL_THEME, NO_COLOR, the locale) wins over it. The file holds nothing else, and
whatever is wrong with it costs the settings alone.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from core.environment import Home
from core.environment.files import write_atomically

FILE = "settings.toml"


@dataclass(frozen=True, slots=True)
class Settings:
    """The name of a theme (empty: none was chosen), ASCII signs alone, and the terminal's cursor in sight."""

    theme: str = ""
    ascii: bool = False
    cursor: bool = False


def load(home: Home) -> tuple[Settings, str]:
    """The settings, and the sentence that says why they could not be read, empty where they could."""
    path = home.root / FILE
    try:
        text = path.read_bytes().decode()
    except FileNotFoundError:
        return Settings(), ""
    except (OSError, UnicodeDecodeError) as error:
        return Settings(), _unread(home, error.strerror if isinstance(error, OSError) else "it is no UTF-8")
    import tomllib

    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return Settings(), _unread(home, str(error))
    known = {key: found.get(key, default) for key, default in asdict(Settings()).items()}
    wrong = [key for key, default in asdict(Settings()).items() if type(known[key]) is not type(default)]
    if wrong:
        return Settings(), _unread(home, f"{wrong[0]} is {known[wrong[0]]!r}")
    return Settings(**known), ""


def keep(home: Home, settings: Settings) -> str:
    """Writes the settings down; returns the sentence that says why that was not possible, empty where it was."""
    lines = [f"{key} = {json.dumps(value)}\n" for key, value in asdict(settings).items()]  # of these, TOML is JSON
    try:
        home.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_atomically(home.root / FILE, "".join(lines))
    except OSError as error:
        return f"{home.root / FILE} can't be written, so this holds until you leave: {error.strerror}."
    return ""


def _unread(home: Home, why: str | None) -> str:
    return f"{home.root / FILE} can't be read, so colours and signs are as they come: {why}."
