"""The program and its subcommands, in one work directory."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from core.errors import MlopsError, PermanentError
from core.run.clock import Clock
from core.run.step import Reporter
from core.terraform import locks, process
from core.terraform.diagnostics import Diagnostic, StateLocked, error_of
from core.terraform.plans import Plan
from core.terraform.stream import Completed, Stream
from core.terraform.workspace import BACKEND, Workspace

PLAN = "mlops-env.tfplan"
UNWRITTEN = "errored.tfstate"
"""Where Terraform leaves a state that its backend did not take."""
PARALLELISM = 20
"""Resources at work at once: most of the time they wait for Google."""

_STALE_INIT = ("Backend initialization required", "Required plugins are not installed", "Inconsistent dependency lock",
               "Module not installed", "Initialization required", "please run \"terraform init\"")  # fmt: skip


@dataclass
class Terraform:
    """Terraform in a work directory. ``environment`` is all that a child gets; it never holds a secret."""

    workspace: Workspace
    command: Sequence[str]
    environment: Mapping[str, str]
    mirror: Path
    clock: Clock
    locked: locks.Locked | None = None
    """Whether anybody has a lock on the state, where the backend can be asked."""
    unlock: Callable[[str], Awaitable[None]] | None = None
    """Takes the lock of an id off the state without Terraform, where the backend lets one."""

    @property
    def folder(self) -> Path:
        """The work directory."""
        return self.workspace.folder

    async def init(self, reporter: Reporter) -> None:
        """Makes backend, modules and providers known, unless nothing of these changed since the last time."""
        marker = self.folder / ".terraform" / "mlops-env"
        digest = self._digest()
        if not (marker.is_file() and marker.read_text() == digest):
            await self._init(reporter)
            marker.write_text(digest)
        await self._push_unwritten(reporter)

    async def _init(self, reporter: Reporter) -> None:
        (self.folder / ".terraform.lock.hcl").unlink(missing_ok=True)
        # What is known of the backend before; -reconfigure alone keeps it where there is no backend block any more.
        (self.folder / ".terraform" / "terraform.tfstate").unlink(missing_ok=True)
        arguments = ["init", "-input=false", "-reconfigure", "-json", f"-plugin-dir={self.mirror}"]
        await self._unlocking(arguments, Stream(reporter), reporter)

    async def _push_unwritten(self, reporter: Reporter) -> None:
        """Writes a state that an earlier Terraform could not write, and left here, to where it belongs."""
        left = self.folder / UNWRITTEN
        if not left.is_file():
            return
        reporter.log(f"An earlier Terraform could not write the state; {UNWRITTEN} is written now.")
        try:
            await self._unlocking(["state", "push", "-no-color", UNWRITTEN], Stream(reporter), reporter)
        except PermanentError as error:  # a later state is there already, or another one; what it lacks is found again
            reporter.log(f"It is set aside: {error.cause}")
        left.replace(left.with_suffix(".set-aside"))

    async def plan(
        self, reporter: Reporter, *, destroy: bool = False, targets: Sequence[str] = (), refresh: bool = True
    ) -> Plan:
        """Plans, keeps the plan for `apply`, and returns what it would change. A dead run's lock is taken off the state."""
        arguments = ["plan", "-input=false", "-json", "-detailed-exitcode", f"-out={PLAN}", f"-parallelism={PARALLELISM}"]
        arguments += ["-destroy"] * destroy + [f"-target={t}" for t in targets] + ["-refresh=false"] * (not refresh)
        stream = Stream(reporter)
        code = await self._unlocking(arguments, stream, reporter)
        plan = stream.plan
        return replace(plan, outputs=code == 2 and not plan.changes)

    async def apply(
        self,
        plan: Plan,
        reporter: Reporter,
        *,
        on_complete: Callable[[Completed], None] = lambda _: None,
        secrets: bool = True,
    ) -> list[Completed]:
        """Applies the plan that was made last; ``on_complete`` hears of each resource at once."""
        stream = Stream(reporter, on_complete, total=len([c for c in plan.changes if c.action not in ("import", "move")]))
        arguments = ["apply", "-input=false", "-json", f"-parallelism={PARALLELISM}", PLAN]
        try:
            await self._unlocking(arguments, stream, reporter)
        finally:
            (self.folder / PLAN).unlink(missing_ok=True)
        return stream.completed

    async def state(self, reporter: Reporter) -> dict[str, dict[str, Any]]:
        """Every resource in the state by its address: ``type``, ``tainted`` and its ``values``."""
        shown = await self._json(["show", "-json", "-no-color"], reporter)
        return _resources((shown.get("values") or {}).get("root_module") or {})

    async def detailed(self, plan: Plan, reporter: Reporter) -> tuple[Plan, dict[str, dict[str, Any]]]:
        """The plan that was made last with what its updates change, and every resource as it will be, in `state`'s form."""
        shown = await self._json(["show", "-json", "-no-color", PLAN], reporter)
        return plan.detailed(shown), _resources((shown.get("planned_values") or {}).get("root_module") or {})

    async def outputs(self, reporter: Reporter) -> dict[str, Any]:
        """The outputs' values."""
        return {name: o["value"] for name, o in (await self._json(["output", "-json", "-no-color"], reporter)).items()}

    async def untaint(self, address: str, reporter: Reporter) -> None:
        """Has a resource not be replaced that was made in good order after all."""
        await self._unlocking(["untaint", "-no-color", address], Stream(reporter), reporter)

    async def forget(self, addresses: Sequence[str], reporter: Reporter) -> None:
        """Takes resources out of the state; they stay as they are."""
        if addresses:
            await self._unlocking(["state", "rm", "-no-color", *addresses], Stream(reporter), reporter)

    async def settle(self, reporter: Reporter, *, interrupt: bool = False) -> None:
        """Waits for a Terraform that a dead run left at work here."""
        await locks.settle(self.folder, reporter, self.clock, interrupt=interrupt, locked=self.locked)

    @property
    def at_work(self) -> bool:
        """Whether a Terraform is at work here already."""
        return locks.at_work(self.folder)

    @property
    def unfinished(self) -> bool:
        """Whether an earlier run's Terraform ended, or lives, without that run having seen its end."""
        return bool(locks.unfinished(self.folder))

    async def _unlocking(self, arguments: list[str], stream: Stream, reporter: Reporter) -> int:
        """Runs a command that locks the state; takes a dead run's lock off, once, and initializes anew where need be."""
        for attempt in range(3):
            try:
                code = await self._checked(arguments, reporter, stream)
                if arguments[0] != "init":  # which takes the state's lock only to make the first state
                    locks.forget(self.folder)
                return code
            except StateLocked as lock:
                if attempt or not locks.is_ours_and_dead(lock, self.folder):
                    raise
                reporter.log(f"Taking off the lock {lock.id} that a dead run of this environment left on the state.")
                await self._take_off(lock.id, reporter)
            except MlopsError as error:
                if attempt or not any(text in error.cause for text in _STALE_INIT):
                    raise
                (self.folder / ".terraform" / "mlops-env").unlink(missing_ok=True)
                await self.init(reporter)
            for heard in (stream.diagnostics, stream.changes, stream.plain):
                heard.clear()
        raise AssertionError("unreachable")

    async def _take_off(self, id: str, reporter: Reporter) -> None:
        """Takes a lock off the state. Where there is no state yet, Terraform can't: it would make one first, and lock it."""
        try:
            await self._checked(["force-unlock", "-force", "-no-color", id], reporter)
        except MlopsError:
            if self.unlock is None:
                raise
            await self.unlock(id)

    async def _checked(self, arguments: Sequence[str], reporter: Reporter, stream: Stream | None = None) -> int:
        heard = stream or Stream(reporter)
        code = await self._run(arguments, heard.line, lambda: _stopping(heard, reporter))
        if code not in (0, 2) or heard.errors:
            raise error_of(heard.diagnostics or _plain_diagnostics(heard.plain), plain=heard.plain, code=code)
        return code

    async def _json(self, arguments: Sequence[str], reporter: Reporter) -> dict[str, Any]:
        lines: list[str] = []
        code = await self._run(arguments, lines.append)
        try:
            value = json.loads("\n".join(lines[next(i for i, x in enumerate(lines) if x.startswith("{")) :]))
        except (ValueError, StopIteration):
            value = {"diagnostics": []}
        found = [Diagnostic.of(d) for d in value.get("diagnostics", ()) if isinstance(d, dict)]
        if code != 0:
            reporter.log("\n".join(lines[:50]))
            raise error_of(found or _plain_diagnostics(lines), plain=lines, code=code)
        assert isinstance(value, dict)
        return value

    async def _run(
        self,
        arguments: Sequence[str],
        on_line: Callable[[str], None],
        on_stop: Callable[[], None] = lambda: None,
    ) -> int:
        return await process.run(
            [*self.command, *arguments],
            folder=self.folder,
            environment={**self.environment, "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"},
            on_line=on_line,
            on_stop=on_stop,
            doing=arguments[0],
        )

    def _digest(self) -> str:
        found = hashlib.sha256(f"{self.mirror}\0{self.command}\0".encode())
        backend = self.folder / BACKEND
        found.update(backend.read_bytes() if backend.is_file() else b"")
        for path in sorted([*self.folder.glob("*.tf"), *self.mirror.rglob("terraform-provider-*")]):
            found.update(f"{path}\0".encode())
            found.update(path.read_bytes() if path.suffix == ".tf" else f"{path.stat().st_mtime_ns}".encode())
        return found.hexdigest()


def _stopping(stream: Stream, reporter: Reporter) -> None:
    at_work = ", ".join(sorted(stream.at_work))
    reporter.log("Terraform was asked to stop" + (f", and finishes {at_work} first." if at_work else "."))
    reporter.progress(f"Stopping; Terraform finishes {at_work}" if at_work else "Stopping Terraform")


def _plain_diagnostics(lines: Sequence[str]) -> list[Diagnostic]:
    """The errors of a subcommand that writes them for a person."""
    text = "\n".join(line.lstrip("│╷╵ ") for line in lines)
    _, found, rest = text.partition("Error: ")
    summary, _, detail = rest.partition("\n")
    return [Diagnostic("error", summary.strip(), detail.strip())] if found else []


def _resources(module: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    found = {
        r["address"]: {"type": r["type"], "tainted": bool(r.get("tainted")), "values": r.get("values") or {}}
        for r in module.get("resources", ())
        if r.get("mode") == "managed"
    }
    for child in module.get("child_modules", ()):
        found |= _resources(child)
    return found
