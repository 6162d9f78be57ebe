"""One host's entry in an ssh configuration, and the file of entries that is mlops-env's own.

The file is a list of blocks, each led by a line that names what it is for. A person may change a block by hand: it is kept
as it stands until it is added anew or removed. The head says what ``remove`` has to put back.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field

from core.errors import UsageError

HEAD = "# mlops-env keeps this file: mlops-env ssh add|show|remove NAME."
MADE = "# made by mlops-env: "
MARK = "# for "
ACCOUNT = "# signed in as "
_KEYWORD = re.compile(r"[A-Za-z][A-Za-z0-9]*")
_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._:-]*")
NEVER = {
    "stricthostkeychecking": ("no", "off", "false"),
    "userknownhostsfile": ("none", "/dev/null"),
    "verifyhostkeydns": ("yes", "true"),
    "nohostauthenticationforlocalhost": ("yes", "true"),
}
"""Settings that would leave nobody to say that a host is the one it was."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A ``Host`` block: the ``name`` it was added under, the ``host`` that ssh is given, and its settings in order."""

    name: str
    host: str
    settings: tuple[tuple[str, str], ...] = ()
    account: str = ""
    """Whose key and user they are, which a sign-in may no longer be."""

    def text(self) -> str:
        """The block."""
        lines = [f"{MARK}{self.name}", f"Host {self.host}", *(f"    {key} {value}" for key, value in self.settings)]
        lines += [f"    {ACCOUNT}{self.account}"] if self.account else []
        return "\n".join(lines) + "\n"

    def get(self, keyword: str) -> str:
        """The first value of a keyword, empty where it has none."""
        return next((value for key, value in self.settings if key.lower() == keyword.lower()), "")


@dataclass(frozen=True, slots=True)
class OwnFile:
    """The file's contents: blocks by name, in order, and what was made for it (``config``, ``folder``, ``others``)."""

    blocks: dict[str, str] = field(default_factory=dict)
    made: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, text: str) -> OwnFile:
        """The file as it was written, and as a person may have changed it since."""
        blocks: dict[str, list[str]] = {}
        current: list[str] | None = None
        made: set[str] = set()
        for line in text.splitlines(keepends=True):
            if line.startswith(MARK):
                current = blocks.setdefault(line.removeprefix(MARK).strip(), [])
            if current is not None:
                current.append(line)
            elif line.startswith(MADE):
                made = set(line.removeprefix(MADE).split())
        return cls({name: "".join(lines).rstrip("\n") + "\n" for name, lines in blocks.items()}, frozenset(made))

    def text(self) -> str:
        """The file; empty where it has no block."""
        if not self.blocks:
            return ""
        head = [HEAD] + ([MADE + " ".join(sorted(self.made))] if self.made else [])
        return "\n".join(head) + "\n\n" + "\n".join(self.blocks.values())

    def get(self, name: str, keyword: str) -> str:
        """The first value that a block gives a keyword, empty where there is none."""
        found = re.search(rf"(?mi)^[ \t]*{keyword}[ \t=]+(.+?)[ \t]*$", self.blocks.get(name, ""))
        return found[1] if found else ""

    def keywords(self, name: str) -> list[str]:
        """The keywords that a block sets, in small letters."""
        lines = (re.match(r"[ \t]*([A-Za-z][A-Za-z0-9]*)", line) for line in self.blocks.get(name, "").splitlines())
        return [found[1].lower() for found in lines if found is not None and found[1].lower() != "host"]

    def account(self, name: str) -> str:
        """Whose key and user a block was made with; empty where it does not say."""
        found = re.search(rf"(?m)^[ \t]*{re.escape(ACCOUNT)}(\S+)", self.blocks.get(name, ""))
        return found[1] if found else ""

    def hosts(self, name: str) -> list[str]:
        """The hosts that a block is for."""
        return self.get(name, "Host").split()


def check_host(name: str) -> str:
    """The name, where it means one host and no pattern of several; raises `UsageError` otherwise."""
    if not _HOST.fullmatch(name):
        user, at, host = name.rpartition("@")
        hint = "Letters, digits and . _ : -, with a letter, a digit or _ first."
        if at and _HOST.fullmatch(host):
            hint = f"Who signs in there is a setting: mlops-env ssh add {host} --set User={user}"
        raise UsageError(f"{name!r} is no name of a host.", code="ssh-host", hint=hint)
    return name


def settings(given: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """``KEYWORD=VALUE`` texts as settings; raises `UsageError` for what can't be one, or must not."""
    found = []
    for text in given:
        keyword, equals, value = text.partition("=")
        keyword, value = keyword.strip(), value.strip()
        wrong = not value or value.startswith("=") or any(c in value for c in "\r\n\0")  # ssh takes one = for a blank
        if not equals or not _KEYWORD.fullmatch(keyword) or wrong:
            raise UsageError(f"--set {text!r} is no KEYWORD=VALUE of an ssh configuration.", code="ssh-set")
        if keyword.lower() in ("host", "match", "include"):
            raise UsageError(
                f"--set {keyword} is not possible: it would begin another block.",
                code="ssh-set",
                hint="A host's name is what is added: mlops-env ssh add HOST.",
            )
        if (words := set(_words(value))) and words <= set(NEVER.get(keyword.lower(), ())):
            raise UsageError(
                f"--set {keyword}={value} is not possible: the host's key would no longer be checked.",
                code="ssh-set",
                hint="Leave it out: a key that is not known is shown, and accepted once.",
            )
        found.append((keyword, value))
    return tuple(found)


def _words(value: str) -> list[str]:
    """A value's words as ssh reads them: without quotes, up to a comment."""
    try:
        return shlex.split(value.lower(), comments=True)
    except ValueError:  # ssh refuses it too
        return [value]


def merged(own: Sequence[tuple[str, str]], given: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Settings with those that were given in place of one's own."""
    named = {key.lower() for key, _ in given}
    return (*given, *((key, value) for key, value in own if key.lower() not in named))
