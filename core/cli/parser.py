"""Every command and flag, in one table, so that a test can pin them and the app can show the equivalent command line."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from core import __version__


class Parser(argparse.ArgumentParser):
    """argparse with one sentence for what is wrong, and exit code 2."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"Error: {message[:1].upper()}{message[1:]}.\n  Hint: {self.prog} --help\n")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices and isinstance(action, argparse._SubParsersAction):
            import difflib

            near = difflib.get_close_matches(str(value), list(action.choices), n=1)
            also = f"; did you mean {near[0]}?" if near else ""
            self.error(f"there is no command {value}{also}")
        super()._check_value(action, value)


class Formatter(argparse.HelpFormatter):
    """argparse's own asks a module for the terminal's width that takes longer to load than all the rest of the parser."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=_columns() - 2)


def _columns() -> int:
    given = os.environ.get("COLUMNS", "")
    if given.isdigit() and int(given):
        return int(given)
    with contextlib.suppress(OSError, ValueError, AttributeError):
        return os.get_terminal_size(sys.__stdout__.fileno()).columns or 80  # type: ignore[union-attr]
    return 80


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The parsed command line; ``module`` and ``function`` say what runs it. Exits with code 2 on bad usage."""
    return build(argv[0] if argv else "").parse_args(list(argv))


def build(only: str = "") -> Parser:
    """The whole parser; with the name of a command, what that one needs."""
    parser = Parser(
        prog="mlops-env",
        description="Sets up Kubeflow Pipelines on Google Cloud, and connects a laptop to it.",
        formatter_class=Formatter,
    )
    parser.add_argument("--version", action="version", version=f"mlops-env {__version__}")
    parser.set_defaults(module="app", function="app", output="text")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", parser_class=Parser)
    for add in (COMMANDS[only],) if only in COMMANDS else COMMANDS.values():
        add(commands)
    return parser


def _command(commands: Any, name: str, module: str, help: str, *, function: str = "", environment: bool = True) -> Parser:
    command: Parser = commands.add_parser(name, help=help, description=help, formatter_class=Formatter)
    command.set_defaults(module=module, function=function or name.replace("-", "_"))
    if environment:
        command.add_argument("name", metavar="NAME", help="name of the environment")
    command.add_argument("--output", choices=("text", "json"), default="text", help="for a person, or for a program")
    command.add_argument("--yes", action="store_true", help="do not ask")
    return command


def _parameters(command: Parser) -> None:
    command.add_argument("--config", metavar="FILE", type=Path, help="answers file (TOML), parameters as its keys")
    command.add_argument("--set", metavar="KEY=VALUE", action="append", default=[], help="one parameter; may be repeated")
    command.add_argument("--rehearse", action="store_true", help="on a simulated cloud, without an account")
    command.add_argument("--scenario", metavar="FILE", type=Path, help="what the simulated cloud is like (TOML)")


def _run(command: Parser) -> None:
    command.add_argument("--detach", action="store_true", help="return once the run is up; it goes on")
    command.add_argument("--wait", metavar="SECONDS", type=float, help="how long to wait for a person; 0: not at all")
    command.add_argument("--sql-password-stdin", action="store_true", help="read the SQL password from standard input")


def _install(commands: Any) -> None:
    install = _command(commands, "install", "run", "Install an environment, or bring one up to its parameters.")
    _parameters(install)
    _run(install)


def _retry(commands: Any) -> None:
    retry = _command(commands, "retry", "run", "Take up the last run again; what is done stays done.")
    retry.add_argument("--skip", metavar="STEP", action="append", default=[], help="skip an optional step")
    _run(retry)


def _destroy(commands: Any) -> None:
    destroy = _command(commands, "destroy", "run", "Remove what the environment made.")
    destroy.add_argument("--delete-data", action="store_true", help="the buckets' contents too")
    destroy.add_argument("--detach", action="store_true", help="return once the run is up; it goes on")
    destroy.add_argument("--wait", metavar="SECONDS", type=float, help="how long to wait for a person; 0: not at all")


def _attach(commands: Any) -> None:
    _command(commands, "attach", "run", "Watch the run of an environment; Ctrl-C only stops watching.")


def _cancel(commands: Any) -> None:
    _command(commands, "cancel", "run", "Ask the run of an environment to stop, gracefully.")


def _check(commands: Any) -> None:
    _parameters(_command(commands, "check", "look", "Look whether everything that an installation needs is there."))


def _plan(commands: Any) -> None:
    _parameters(_command(commands, "plan", "look", "Show everything that an installation would do; make nothing."))


def _list(commands: Any) -> None:
    _command(commands, "list", "status", "The environments of this machine.", environment=False, function="list_all")


def _status(commands: Any) -> None:
    _command(commands, "status", "status", "The state of an environment, step by step.")


def _logs(commands: Any) -> None:
    logs = _command(commands, "logs", "status", "What the steps' tools printed in the last run.")
    logs.add_argument("step", metavar="STEP", nargs="?", default="", help="one step's log alone")
    logs.add_argument("--follow", action="store_true", help="go on as it grows")


def _verify(commands: Any) -> None:
    _command(commands, "verify", "look", "Check that an installed environment does what it is for.")


def _access(commands: Any) -> None:
    access = _command(commands, "access", "access", "How to reach an installed environment.")
    access.add_argument("--forward", metavar="PORT", nargs="?", type=int, const=8080, help="forward Kubeflow's UI (8080)")
    access.add_argument("--detach", action="store_true", help="forward in the background")
    access.add_argument("--stop", action="store_true", help="end the forward in the background")


def _schema(commands: Any) -> None:
    _command(commands, "schema", "schema", "JSON Schema of an answers file.", environment=False)


def _kubernetes_token(commands: Any) -> None:
    token = _command(commands, "kubernetes-token", "token", "A token for the cluster, as kubectl asks for it.")
    token.set_defaults(output="json")


def _rehearsal(commands: Any) -> None:
    help = "The simulated cloud of a rehearsed environment."
    rehearsal: Parser = commands.add_parser("rehearsal", help=help, formatter_class=Formatter)
    inner = rehearsal.add_subparsers(title="commands", metavar="COMMAND", parser_class=Parser, required=True)
    _command(inner, "env", "rehearsal", "Variables that point gcloud, terraform and client libraries at it.")
    _command(inner, "stop", "rehearsal", "End its process; what it holds stays.")


def _image(commands: Any) -> None:
    help = "The development image of an environment."
    image: Parser = commands.add_parser("image", help=help, description=help, formatter_class=Formatter)
    inner = image.add_subparsers(title="commands", metavar="COMMAND", parser_class=Parser, required=True)
    _command(inner, "build", "image", "Build it, if its sources are not built yet.")
    _command(inner, "list", "image", "The images that the registry has.", function="list_images")


def _notebook(commands: Any) -> None:
    help = "The notebook of an environment."
    notebook: Parser = commands.add_parser("notebook", help=help, description=help, formatter_class=Formatter)
    inner = notebook.add_subparsers(title="commands", metavar="COMMAND", parser_class=Parser, required=True)
    _command(inner, "start", "notebook", "Start it, and wait until it runs.")
    _command(inner, "stop", "notebook", "Stop it; its disks stay.")


def _devcontainer(commands: Any) -> None:
    help = "A devcontainer for a folder, on an environment's image or without one."
    devcontainer: Parser = commands.add_parser("devcontainer", help=help, description=help, formatter_class=Formatter)
    inner = devcontainer.add_subparsers(title="commands", metavar="COMMAND", parser_class=Parser, required=True)
    new = _command(inner, "new", "devcontainer", "Write the files of a devcontainer.", environment=False)
    new.add_argument("template", metavar="TEMPLATE", help="kfp-dev, tfx-kfp-dev or gpu-dl")
    new.add_argument("folder", metavar="DIR", nargs="?", default=".", help="folder of your code (this one)")
    new.add_argument("--env", metavar="NAME", default="", help="environment whose image it stands on")
    new.add_argument("--project", metavar="ID", default="", help="project of an environment that this machine does not hold")
    new.add_argument("--remote", action="store_true", help="for a Docker host elsewhere, which has none of your files")
    _command(inner, "list", "devcontainer", "The templates.", environment=False, function="list_templates")


def _tunnel(commands: Any) -> None:
    help = "A host's ports and sockets on this machine, over ssh; Docker's first of all."
    tunnel: Parser = commands.add_parser("tunnel", help=help, description=help, formatter_class=Formatter)
    inner = tunnel.add_subparsers(title="commands", metavar="COMMAND", parser_class=Parser, required=True)
    up = _command(inner, "up", "tunnel", "Open a tunnel, and keep it up.", environment=False)
    up.add_argument("name", metavar="NAME", help="a tunnel, an environment, or a host that ssh knows")
    up.add_argument("--project", metavar="ID", help="project of an environment that this machine does not hold, or of a VM")
    up.add_argument("--zone", metavar="ZONE", help="zone of the VM")
    up.add_argument("--instance", metavar="VM", help="name of the VM")
    up.add_argument(
        "--forward", metavar="LOCAL=REMOTE", action="append", default=[], help="each a socket, PORT or HOST:PORT; repeated"
    )
    up.add_argument("--docker-context", action="store_true", help="make a Docker context for it")
    up.add_argument(
        "--sudo", action="store_true", help="let sudo on the host open a Docker socket that is shut to you there"
    )
    up.add_argument("--detach", action="store_true", help="return once it is up; it stays")
    for name, what in (
        ("down", "End a tunnel."),
        ("status", "How a tunnel stands: its connection, health and traffic."),
        ("logs", "What happened to a tunnel."),
    ):
        command = _command(inner, name, "tunnel", what, environment=False)
        command.add_argument("name", metavar="NAME", help="a tunnel")
        if name == "logs":
            command.add_argument("--follow", action="store_true", help="go on with what happens, until it ends")


def _vscode(commands: Any) -> None:
    help = "VS Code's container tools on a tunnel's Docker."
    vscode: Parser = commands.add_parser("vscode", help=help, description=help, formatter_class=Formatter)
    inner = vscode.add_subparsers(title="commands", metavar="COMMAND", parser_class=Parser, required=True)
    for name, function, said in (
        ("set", "set_context", "Make the tunnel's Docker context and write it into VS Code's settings."),
        ("remove", "remove", "Take both back; the settings are what they were."),
    ):
        command = _command(inner, name, "vscode", said, function=function)
        command.add_argument(
            "--scope", choices=("user", "workspace", "remote"), default="user", help="whose settings (user)"
        )
        if name == "set":
            command.add_argument(
                "--wrapper", action="store_true", help="a program in place of Docker's client, where no context is followed"
            )


def _ssh(commands: Any) -> None:
    help = "A host's entry in your ssh configuration, and the way to a VM without an address."
    ssh: Parser = commands.add_parser("ssh", help=help, description=help, formatter_class=Formatter)
    inner = ssh.add_subparsers(title="commands", metavar="COMMAND", parser_class=Parser, required=True)
    add = _command(
        inner, "add", "ssh", "Write a host's entry: an environment's notebook, a VM, or any host.", environment=False
    )
    add.add_argument("name", metavar="NAME", help="an environment, or the name that ssh is to know the host by")
    add.add_argument("--project", metavar="ID", default="", help="project of an environment installed elsewhere, or of a VM")
    add.add_argument("--zone", metavar="ZONE", default="", help="zone of the VM")
    add.add_argument("--instance", metavar="VM", default="", help="name of the VM")
    add.add_argument(
        "--set", metavar="KEYWORD=VALUE", action="append", default=[], help="a setting of ssh's; may be repeated"
    )
    add.add_argument("--dry-run", action="store_true", help="show what would be written")
    remove = _command(inner, "remove", "ssh", "Take a host's entry away again.", environment=False)
    remove.add_argument("name", metavar="NAME", help="the name it was added under")
    remove.add_argument("--dry-run", action="store_true", help="show what would be written")
    show = _command(inner, "show", "ssh", "What ssh itself makes of a host.", environment=False)
    show.add_argument("name", metavar="NAME", help="the name it was added under, or a host")
    proxy = _command(inner, "iap-proxy", "ssh", "What ssh runs to reach a VM through Google's proxy.", environment=False)
    proxy.set_defaults(function="iap_proxy")
    proxy.add_argument("instance", metavar="INSTANCE", help="name of the VM")
    proxy.add_argument("port", metavar="PORT", type=int, help="port of the VM")
    proxy.add_argument("--project", metavar="ID", required=True, help="project of the VM")
    proxy.add_argument("--zone", metavar="ZONE", required=True, help="zone of the VM")
    proxy.add_argument("--account", metavar="EMAIL", default="", help="whose the key is that ssh signs in with")


COMMANDS: dict[str, Callable[[Any], None]] = {
    "install": _install,
    "retry": _retry,
    "destroy": _destroy,
    "attach": _attach,
    "cancel": _cancel,
    "check": _check,
    "plan": _plan,
    "list": _list,
    "status": _status,
    "logs": _logs,
    "verify": _verify,
    "access": _access,
    "schema": _schema,
    "kubernetes-token": _kubernetes_token,
    "image": _image,
    "notebook": _notebook,
    "devcontainer": _devcontainer,
    "vscode": _vscode,
    "tunnel": _tunnel,
    "ssh": _ssh,
    "rehearsal": _rehearsal,
}
"""What adds each command to the parser, in the order of ``--help``."""
