"""``environment.toml``: what an environment is. It never holds a secret.

Its ``parameters`` are the values that were given; defaults are filled in at every reading, except those that were found
out once (``project_id``, ``zone``) and must stay, which the record keeps as ``resolved``.
"""

from __future__ import annotations

import contextlib
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from core import __version__
from core.environment.files import write_atomically
from core.environment.home import Home
from core.errors import ParameterError, UnknownEnvironment, UsageError
from core.names import Names
from core.parameters.specification import resolve

FORMAT = 1
NAME_PATTERN = re.compile(r"[a-z][a-z0-9-]{1,15}")
NAME_ALLOWED = "2 to 16 lower-case letters, digits and hyphens, beginning with a letter"


@dataclass(frozen=True, slots=True)
class Environment:
    """One environment of this machine; a new object for every change, written by `save`."""

    home: Home
    name: str
    id: str
    cloud: str
    given: Mapping[str, Any] = field(default_factory=dict)
    resolved: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    sql_generation: int = 1
    sql_password_given: bool = False
    """Whether a person chose the SQL password (which stands nowhere here): then no other is ever made up."""

    @classmethod
    def new(cls, home: Home, name: str, *, cloud: str, given: Mapping[str, Any], id: str = "") -> Environment:
        """An environment that is nowhere yet, with an id of its own: the given one, or a random one."""
        import secrets
        import string

        check_name(name)
        id = id or "".join(secrets.choice(string.ascii_lowercase) for _ in range(6))
        resolved = {"project_id": f"rehearsal-{id}"} if cloud == "rehearsal" and not given.get("project_id") else {}
        return cls(home, name, id, cloud, dict(given), resolved, {"mlops-env": __version__})

    @classmethod
    def load(cls, home: Home, name: str) -> Environment:
        """The environment of that name; raises `UnknownEnvironment`, or `UsageError` where its file is broken."""
        check_name(name)
        path = home.environments / name / "environment.toml"
        try:
            data = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise UnknownEnvironment(name, nearest=_nearest(home, name)) from None
        except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise UsageError(f"{path} can't be read: {error}.", code="environment-file") from error
        return cls.of(home, name, data, source=str(path))

    @classmethod
    def of(cls, home: Home, name: str, data: Mapping[str, Any], *, source: str) -> Environment:
        """The environment that a decoded record is of, wherever it was read (``source``); raises `UsageError`."""
        if data.get("format") != FORMAT:
            raise UsageError(
                f"{source} has format {data.get('format')!r}, and this version reads {FORMAT}.",
                code="environment-format",
                hint="Install the version of mlops-env that wrote it, or a newer one.",
            )
        for key in ("id", "cloud"):
            if not isinstance(data.get(key), str):
                raise UsageError(f"{source} has no {key}.", code="environment-file")
        return cls(
            home,
            name,
            data["id"],
            data["cloud"],
            data.get("parameters", {}),
            data.get("resolved", {}),
            data.get("versions", {}),
            data.get("sql_generation", 1),
            data.get("sql_password_given", False),
        )

    @classmethod
    def all(cls, home: Home) -> list[str]:
        """The names of every environment kept on this machine, in order."""
        found = home.environments.glob("*/environment.toml") if home.environments.is_dir() else ()
        return sorted(path.parent.name for path in found if NAME_PATTERN.fullmatch(path.parent.name))

    @classmethod
    def readable(cls, home: Home) -> Iterator[Environment]:
        """Every environment kept on this machine whose record can be read, in order: for who looks among all for one."""
        for name in cls.all(home):
            with contextlib.suppress(UsageError):
                yield cls.load(home, name)

    @property
    def kept(self) -> bytes | None:
        """The record as it is on disk now, whoever wrote it; None where there is none."""
        path = self.folder / "environment.toml"
        return path.read_bytes() if path.exists() else None

    @property
    def folder(self) -> Path:
        return self.home.environments / self.name

    @property
    def runs(self) -> Path:
        return self.folder / "runs"

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "kubeconfig"

    @property
    def values(self) -> dict[str, Any]:
        """Every parameter by its key, defaults filled in."""
        return resolve({**self.resolved, **self.given}, environment=self.name)

    @property
    def names(self) -> Names:
        """The names of everything that the environment makes."""
        return Names.of(self.values, environment=self.name, id=self.id, sql_generation=self.sql_generation)

    def terraform_folder(self, module: str) -> Path:
        """Terraform's work directory for ``platform`` or ``notebook``."""
        return self.folder / "terraform" / module

    def with_resolved(self, **values: Any) -> Environment:
        """The environment with values that were found out once and stay; what was given always wins."""
        return replace(self, resolved={**self.resolved, **values})

    def with_password_given(self) -> Environment:
        """The environment, with the note that a person chose its SQL password."""
        return replace(self, sql_password_given=True)

    def save(self) -> Environment:
        """Writes the record, so that a crash leaves the old one or the new one; returns it."""
        self.home.ensure("environments", self.name)
        write_atomically(self.folder / "environment.toml", _toml(self))
        return self


def check_name(name: str) -> None:
    """Raises `ParameterError` where no environment can have that name."""
    if not NAME_PATTERN.fullmatch(name):
        raise ParameterError("NAME", name, NAME_ALLOWED)


def _nearest(home: Home, name: str) -> str:
    import difflib

    return next(iter(difflib.get_close_matches(name, Environment.all(home), n=1)), "")


def _toml(environment: Environment) -> str:
    import tomlkit

    document = tomlkit.document()
    document.add("format", tomlkit.item(FORMAT))
    for key in ("id", "cloud", "sql_generation", "sql_password_given"):
        document.add(key, tomlkit.item(getattr(environment, key)))
    for key, values in (
        ("parameters", environment.given),
        ("resolved", environment.resolved),
        ("versions", environment.versions),
    ):
        document.add(key, tomlkit.item({k: v for k, v in values.items() if v is not None}))
    return tomlkit.dumps(document)
