"""Terraform's subcommands as the adapter runs them, with the real program."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path

import pytest
from terraform_work import TWO, Heard, made

from core.errors import PermanentError, TemporaryError
from core.terraform import Completed, Terraform
from core.terraform.workspace import VARIABLES

WAITING = """
variable "pipe" { type = string }
resource "terraform_data" "first" { input = 1 }
resource "terraform_data" "waiting" {
  input = terraform_data.first.output
  provisioner "local-exec" { command = "exec cat ${var.pipe}" }
}
"""


async def test_applies_what_it_planned_and_then_has_nothing_to_do(tmp_path: Path, command: list[str], heard: Heard) -> None:
    terraform = made(tmp_path, TWO, command, word="hello")
    await terraform.init(heard)
    plan = await terraform.plan(heard)
    assert [(c.address, c.action) for c in plan.changes] == [
        ("terraform_data.first", "create"),
        ("terraform_data.second", "create"),
    ]
    told: list[Completed] = []
    await terraform.apply(plan, heard, on_complete=told.append)
    assert [c.address for c in told] == ["terraform_data.first", "terraform_data.second"]
    assert all(c.id for c in told)
    assert ("terraform_data", "terraform_data.first", "create", "done") in heard.resources
    assert heard.progressed[-1] == ("2 of 2 resources", 1.0)
    assert not await terraform.plan(heard)
    assert await terraform.outputs(heard) == {"word": "hello"}


async def test_tells_the_state_and_forgets(tmp_path: Path, command: list[str], heard: Heard) -> None:
    terraform = await _applied(tmp_path, command, heard)
    state = await terraform.state(heard)
    assert state["terraform_data.first"]["values"]["input"] == "hello"
    await terraform.forget(["terraform_data.second"], heard)
    assert set(await terraform.state(heard)) == {"terraform_data.first"}


async def test_destroys_only_what_is_targeted(tmp_path: Path, command: list[str], heard: Heard) -> None:
    terraform = await _applied(tmp_path, command, heard)
    plan = await terraform.plan(heard, destroy=True, targets=["terraform_data.second"])
    assert [(c.address, c.action) for c in plan.changes] == [("terraform_data.second", "delete")]
    await terraform.apply(plan, heard)
    assert set(await terraform.state(heard)) == {"terraform_data.first"}


async def test_a_changed_output_alone_is_something_to_apply(tmp_path: Path, command: list[str], heard: Heard) -> None:
    terraform = await _applied(tmp_path, command, heard)
    (terraform.folder / "more.tf").write_text('output "more" { value = "x" }')
    plan = await terraform.plan(heard)
    assert plan
    assert not plan.changes


async def test_initializes_once(tmp_path: Path, command: list[str], heard: Heard) -> None:
    terraform = await _applied(tmp_path, command, heard)
    heard.logged.clear()
    await terraform.init(heard)
    assert not heard.logged
    (terraform.folder / "main.tf").write_text("# other\n" + TWO)
    await terraform.init(heard)
    assert heard.logged


async def test_initializes_anew_where_the_directory_lost_what_it_had(
    tmp_path: Path, command: list[str], heard: Heard
) -> None:
    terraform = made(tmp_path, TWO, command, word="hello")
    await terraform.init(heard)
    (terraform.folder / "backend.tf.json").write_text(json.dumps({"terraform": {"backend": {"local": {"path": "other"}}}}))
    assert await terraform.plan(heard)


SECOND = 'resource "terraform_data" "second" { input = terraform_data.first.output }'
FAILING = 'input = terraform_data.first.output\n  provisioner "local-exec" { command = "exit 3" }'


async def test_an_error_is_the_providers_own_words(tmp_path: Path, command: list[str], heard: Heard) -> None:
    terraform = made(tmp_path, TWO + 'resource "terraform_data" "x" { inptu = 1 }', command, word="hello")
    with pytest.raises(PermanentError) as caught:
        await terraform.init(heard)
        await terraform.plan(heard)
    assert "inptu" in caught.value.cause


async def test_asked_to_stop_it_ends_gracefully_with_one_signal(tmp_path: Path, command: list[str], heard: Heard) -> None:
    terraform = await _waiting(tmp_path, command, heard)
    plan = await terraform.plan(heard)
    begun = asyncio.Event()
    task = asyncio.create_task(terraform.apply(plan, heard, on_complete=lambda _: begun.set()))
    await begun.wait()
    await _until(lambda: any(r[1:] == ("terraform_data.waiting", "create", "started") for r in heard.resources))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    state = await terraform.state(heard)
    assert "terraform_data.first" in state
    assert not terraform.unfinished
    assert any("was asked to stop" in line for line in heard.logged)


async def test_killed_from_outside_is_worth_another_try(tmp_path: Path, command: list[str], heard: Heard) -> None:
    terraform = await _waiting(tmp_path, command, heard)
    plan = await terraform.plan(heard)

    def kill(_: Completed) -> None:
        os.kill(json.loads((terraform.folder / ".terraform.pid").read_text().splitlines()[-1])["pid"], signal.SIGKILL)

    with pytest.raises(TemporaryError, match="signal 9"):
        await terraform.apply(plan, heard, on_complete=kill)
    assert terraform.unfinished


async def test_untaints_what_came_up_after_all(tmp_path: Path, command: list[str], heard: Heard) -> None:
    failing = TWO.replace(SECOND, f'resource "terraform_data" "second" {{\n{FAILING}\n}}')
    terraform = made(tmp_path, failing, command, word="hello")
    await terraform.init(heard)
    with pytest.raises(PermanentError):
        await terraform.apply(await terraform.plan(heard), heard)
    plan = await terraform.plan(heard)
    assert [(c.address, c.action, c.reason) for c in plan.changes] == [("terraform_data.second", "replace", "tainted")]
    await terraform.untaint("terraform_data.second", heard)
    assert not (await terraform.plan(heard)).changes


async def test_a_state_that_could_not_be_written_is_written_later(tmp_path: Path, command: list[str], heard: Heard) -> None:
    terraform = await _applied(tmp_path, command, heard)
    state = terraform.folder / "terraform.tfstate"
    state.rename(terraform.folder / "errored.tfstate")
    await terraform.init(heard)
    assert set(await terraform.state(heard)) == {"terraform_data.first", "terraform_data.second"}
    assert not (terraform.folder / "errored.tfstate").exists()


async def test_an_unwritten_state_that_is_too_old_is_set_aside(tmp_path: Path, command: list[str], heard: Heard) -> None:
    terraform = await _applied(tmp_path, command, heard)
    old = {**json.loads((terraform.folder / "terraform.tfstate").read_text()), "serial": 0, "resources": []}
    (terraform.folder / "errored.tfstate").write_text(json.dumps(old))
    await terraform.init(heard)
    assert set(await terraform.state(heard)) == {"terraform_data.first", "terraform_data.second"}
    assert (terraform.folder / "errored.set-aside").is_file()


async def test_variables_reach_it_as_written(tmp_path: Path, command: list[str], heard: Heard) -> None:
    terraform = await _applied(tmp_path, command, heard)
    assert json.loads((terraform.folder / VARIABLES).read_text()) == {"word": "hello"}
    terraform.workspace.set_variables({"word": "other"})
    assert [c.action for c in (await terraform.plan(heard)).changes] == ["update", "update"]


async def _applied(root: Path, command: list[str], heard: Heard) -> Terraform:
    terraform = made(root, TWO, command, word="hello")
    await terraform.init(heard)
    await terraform.apply(await terraform.plan(heard), heard)
    return terraform


async def _waiting(root: Path, command: list[str], heard: Heard) -> Terraform:
    """Terraform that will not end before somebody writes into a pipe."""
    os.mkfifo(root / "pipe")
    terraform = made(root, WAITING, command, pipe=str(root / "pipe"))
    await terraform.init(heard)
    return terraform


async def _until(holds: object) -> None:
    assert callable(holds)
    while not holds():
        await asyncio.sleep(0.01)
