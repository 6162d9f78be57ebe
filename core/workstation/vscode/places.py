"""Where VS Code and its kin keep their settings, for each scope, and what each scope reaches.

The setting is *machine-overridable*: what stands in the user's settings does not reach a window on another machine (WSL,
ssh), and what stands there does not reach Dev Containers while it connects. A profile that is not the default one has a
file of its own. In WSL the user's settings are Windows', since the window is.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.errors import UsageError

SCOPES = ("user", "workspace", "remote")
CONTEXT = "DOCKER_CONTEXT"
"""The variable that Container Tools hands on to whatever it starts, and that Dev Containers looks at first."""
DOCKER_PATH = "dev.containers.dockerPath"
"""The program that Dev Containers takes for Docker's client; read from the user's settings alone."""
EDITORS = {
    "VS Code": ("Code", ".vscode-server", ".vscode"),
    "VS Code Insiders": ("Code - Insiders", ".vscode-server-insiders", ".vscode-insiders"),
    "VSCodium": ("VSCodium", ".vscodium-server", ".vscode-oss"),
}
"""Each editor: the folder of its settings, that of its server on a remote machine, and that of its extensions."""

REACH = {
    "user": "It reaches the windows of this machine, not those on another (WSL, ssh): --scope remote there.",
    "workspace": "It reaches this folder alone, once VS Code trusts it.",
    "remote": "It reaches windows that are connected to this machine, and Dev Containers only from there.",
}


@dataclass(frozen=True, slots=True)
class Machine:
    """What of this machine decides where settings are; ``windows`` holds Windows' user folders where this is WSL."""

    home: Path
    system: str
    windows: Path | None = None
    user: str = ""
    config: str = ""

    @classmethod
    def here(cls) -> Machine:
        """This machine."""
        release = os.uname().release.lower()
        windows = Path("/mnt/c/Users") if "microsoft" in release or os.environ.get("WSL_DISTRO_NAME") else None
        return cls(
            home=Path.home(),
            system=os.uname().sysname,
            windows=windows,
            user=os.environ.get("USER", ""),
            config=os.environ.get("XDG_CONFIG_HOME", ""),
        )

    def settings_root(self) -> Path:
        """The folder that holds each editor's own."""
        if self.windows is not None:
            return self._windows_user(self.windows) / "AppData" / "Roaming"
        if self.system == "Darwin":
            return self.home / "Library" / "Application Support"
        return Path(self.config) if self.config else self.home / ".config"

    def _windows_user(self, users: Path) -> Path:
        """The user folder of Windows that VS Code runs in; raises `UsageError` where it can't be told."""
        editors = [folder for folder, _, _ in EDITORS.values()]
        found = [
            each
            for each in (sorted(users.iterdir()) if users.is_dir() else [])
            # Other users' folders may not be looked into, which `Path.is_dir` would raise.
            if any(os.path.isdir(each / "AppData" / "Roaming" / folder) for folder in editors)  # noqa: PTH112
        ]
        mine = [each for each in found if each.name.lower() == self.user.lower()] or found
        if len(mine) != 1:
            names = ", ".join(each.name for each in found) or "none"
            raise UsageError(
                f"Which user of Windows VS Code belongs to can't be told: {names} in {users}.",
                code="vscode-place",
                hint="Say --scope workspace in the folder of your code, or --scope remote for WSL windows.",
            )
        return mine[0]


@dataclass(frozen=True, slots=True)
class Place:
    """One settings file; ``key`` is the setting that is written, ``variable`` the one in it (empty: its value itself).

    ``notes`` are sentences to know of it.
    """

    editor: str
    path: Path
    key: str = "containers.environment"
    notes: tuple[str, ...] = field(default=())
    variable: str = CONTEXT


def places(scope: str, machine: Machine, folder: Path) -> list[Place]:
    """The settings files of a scope, one for each editor that was ever started; VS Code's where none was."""
    if scope == "workspace":
        return [Place("VS Code", folder.absolute() / ".vscode" / "settings.json", _key(machine))]
    if scope == "remote":
        found = [
            Place(name, machine.home / server / "data" / "Machine" / "settings.json")
            for name, (_, server, _) in EDITORS.items()
            if (machine.home / server).is_dir()
        ]
        if not found:
            raise UsageError(
                "No server of VS Code is on this machine.",
                code="vscode-place",
                hint="Connect VS Code to it once, then run this there, or take --scope user on your own machine.",
            )
        return found
    root = machine.settings_root()
    there = [name for name, (own, _, _) in EDITORS.items() if (root / own / "User").is_dir()] or ["VS Code"]
    return [_of_user(name, root / EDITORS[name][0] / "User", machine, folder) for name in there]


def _of_user(editor: str, user: Path, machine: Machine, folder: Path) -> Place:
    stored = _stored(user / "globalStorage" / "storage.json")
    listed, associations = stored.get("userDataProfiles"), stored.get("profileAssociations")
    profiles = {str(p["location"]): p for p in (listed if isinstance(listed, list) else []) if _is_profile(p)}
    workspaces = associations.get("workspaces") if isinstance(associations, dict) else None
    associated = workspaces if isinstance(workspaces, dict) else {}
    chosen = profiles.get(str(associated.get(folder.absolute().as_uri(), "")))
    path, notes = user / "settings.json", []
    others = [str(p.get("name", "")) for p in profiles.values() if p is not chosen and not _shares_settings(p)]
    if chosen is not None and not _shares_settings(chosen):
        path = user / "profiles" / str(chosen["location"]) / "settings.json"
        notes.append(f"This folder opens with the profile {chosen.get('name')}: it was written there.")
    elif others:
        notes.append(f"The profiles {', '.join(others)} have settings of their own, which this does not reach.")
    return Place(editor, path, _key(machine, editor), tuple(notes))


def _is_profile(found: Any) -> bool:
    return isinstance(found, dict) and isinstance(found.get("location"), str) and "/" not in found["location"]


def _shares_settings(profile: dict[str, Any]) -> bool:
    flags = profile.get("useDefaultFlags")
    return bool(flags.get("settings")) if isinstance(flags, dict) else False


def _stored(path: Path) -> dict[str, Any]:
    """What VS Code keeps for itself; nothing where it can't be read, since only hints come from it."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _key(machine: Machine, editor: str = "VS Code") -> str:
    """The Docker extension before Container Tools read another setting; where only that is installed, it is the one."""
    folder = machine.home / EDITORS[editor][2] / "extensions"
    names = [each.name for each in folder.iterdir()] if folder.is_dir() else []
    old = any(name.startswith("ms-azuretools.vscode-docker-1.") for name in names)
    new = any(name.startswith(("ms-azuretools.vscode-containers-", "ms-azuretools.vscode-docker-2.")) for name in names)
    return "docker.environment" if old and not new else "containers.environment"
