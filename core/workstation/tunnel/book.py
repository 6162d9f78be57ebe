"""``tunnels.toml``: the tunnels that are known by name. A person may write it; what is theirs in it stays as it is.

format = 1
[tunnels.work]
host = "gpu-vm"                        # an environment or an ssh host; left out: the tunnel's own name
forward = ["8888=localhost:8888"]      # left out: Docker's socket
docker_context = false
sudo = false                           # Docker as root on the host, where its socket is shut to the user
engine = "openssh"                     # left out: what suits the host
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.environment import Home
from core.environment.files import write_atomically
from core.errors import UsageError
from core.workstation.tunnel.definition import ENGINES, Forward, Tunnel, check_forwards, check_name

if TYPE_CHECKING:
    from tomlkit import TOMLDocument

FORMAT = 1
_TEXTS = ("host", "project", "zone", "instance", "engine")
_SWITCHES = ("docker_context", "sudo")


def path(home: Home) -> Path:
    """Where the file stands."""
    return home.root / "tunnels.toml"


def load(home: Home) -> dict[str, Tunnel]:
    """Every tunnel that is defined, by name; raises `UsageError` that names what is wrong in the file."""
    tables = _read(home).unwrap().get("tunnels", {})
    if not isinstance(tables, dict):
        raise _wrong(home, "tunnels is no table")
    return {name: from_table(home, name, table) for name, table in tables.items()}


def keep(home: Home, tunnel: Tunnel) -> None:
    """Writes one tunnel down, in place of what stood under its name; all else keeps its bytes."""
    import tomlkit

    home.ensure()
    with _locked(home):
        document = _read(home)
        if not document:
            document["format"] = FORMAT
        try:
            tables = document.setdefault("tunnels", tomlkit.table(is_super_table=True))
            table = tables.get(tunnel.name)
            if table is None:
                table = tables[tunnel.name] = tomlkit.table()
        except ValueError as error:  # the tables stand in braces, which end with their line
            raise _wrong(home, f"a table of its own, [tunnels.{tunnel.name}], can't be added to it as it is") from error
        for key, value in to_table(tunnel).items():
            if not value:
                table.pop(key, None)
            elif table.get(key) != value:
                table[key] = value
        _write(home, document)


def to_table(tunnel: Tunnel) -> dict[str, Any]:
    """A tunnel as the keys of its table; those that are left out are empty or false."""
    return {
        **{key: getattr(tunnel, key) for key in _TEXTS},
        "forward": [str(forward) for forward in tunnel.forwards],
        "options": list(tunnel.options),
        **{key: getattr(tunnel, key) for key in _SWITCHES},
    }


def forget(home: Home, name: str) -> bool:
    """Takes one tunnel out of the file; says whether it was there."""
    home.ensure()
    with _locked(home):
        document = _read(home)
        if name not in document.get("tunnels", {}):
            return False
        del document["tunnels"][name]
        _write(home, document)
    return True


@contextlib.contextmanager
def _locked(home: Home) -> Iterator[None]:
    """Nobody else changes the file meanwhile: tunnels are opened side by side, and each writes all of it."""
    handle = os.open(home.root / "tunnels.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _write(home: Home, document: TOMLDocument) -> None:
    import tomlkit

    write_atomically(Path(os.path.realpath(path(home))), tomlkit.dumps(document).encode())


def _read(home: Home) -> TOMLDocument:
    import tomlkit
    from tomlkit.exceptions import ParseError

    try:
        document = tomlkit.parse(path(home).read_bytes().decode())  # its line ends stay as they are
    except FileNotFoundError:
        return tomlkit.document()
    except (OSError, UnicodeDecodeError, ParseError) as error:
        raise _wrong(home, str(error)) from error
    found = document.get("format", FORMAT)
    if found != FORMAT:
        raise _wrong(home, f"its format is {found}, and this version of mlops-env knows {FORMAT}")
    return document


def from_table(home: Home, name: str, table: Any) -> Tunnel:
    """The tunnel of a table; raises `UsageError` that names what is wrong with it."""
    check_name(name)
    if not isinstance(table, dict):
        raise _wrong(home, f"{name} is no table")
    unknown = set(table) - {*_TEXTS, *_SWITCHES, "forward", "options"}
    if unknown:
        raise _wrong(home, f"{name} has a key that is not known: {sorted(unknown)[0]}")
    for key in _TEXTS:
        if not isinstance(table.get(key, ""), str):
            raise _wrong(home, f"{name}: {key} is no text")
    for key in ("forward", "options"):
        if not isinstance(table.get(key, []), list) or not all(isinstance(text, str) for text in table.get(key, [])):
            raise _wrong(home, f"{name}: {key} is no list of texts")
    for key in _SWITCHES:
        if not isinstance(table.get(key, False), bool):
            raise _wrong(home, f"{name}: {key} is neither true nor false")
    if table.get("engine", "") not in ("", *ENGINES):
        raise _wrong(home, f"{name}: engine is neither {' nor '.join(ENGINES)}")
    switches = {key: table.get(key, False) for key in _SWITCHES}
    texts = {key: table.get(key, "") for key in _TEXTS}
    return Tunnel(
        name,
        **texts,
        forwards=check_forwards([*map(Forward.parse, table.get("forward", []))]),
        **switches,
        options=tuple(table.get("options", [])),
    )


def _wrong(home: Home, cause: str) -> UsageError:
    return UsageError("The file of tunnels can't be used.", code="tunnels-file", cause=cause, hint=f"It is {path(home)}.")
