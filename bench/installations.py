"""How long an installation takes: with realistic durations, without any, and when it has nothing to do."""

from __future__ import annotations

from pathlib import Path

from bench.critical_path import of_a_default_scenario
from bench.measure import Lacking, Row, in_turns, run, seconds
from bench.rehearsed import Rehearsed, objects_file, rehearsal

SPEED = 60


def realistic() -> Row:
    """Wall time of an installation at sixty times the speed, against the critical path of the same durations."""
    path, _ = of_a_default_scenario()
    return Row.of(
        "installation, speed = 60",
        [_wall(f"speed = {SPEED}\n") / (path / SPEED) for _ in range(3)],
        goal=1.10,
        against=f"critical path, {path:.0f} simulated seconds",
    )


def without_waiting() -> Row:
    """Seconds of an installation whose cloud takes no time, from the command to its end."""
    return Row.of("installation, speed = 0", [_wall("speed = 0\n") for _ in range(3)], goal=15.0, against="-", unit="s")


def nothing_to_do() -> Row:
    """An installation of what is installed already, against ``terraform plan`` and ``kubectl diff`` of the same."""
    with rehearsal("speed = 0\n") as installed:
        shell = installed.shell()
        objects = _objects(installed)
        ratios = in_turns(
            lambda: installed.call("install", installed.name, "--yes"),
            lambda: _plan_and_diff(installed, shell, objects),
            rounds=5,
        )
    return Row.of("installation, nothing to do", ratios, goal=1.2, against="terraform plan, then kubectl diff")


def _wall(scenario: str) -> float:
    with rehearsal(scenario, install=False) as made:
        return seconds(made.install)


def _plan_and_diff(installed: Rehearsed, shell: dict[str, str], objects: Path) -> None:
    from core.toolchain import find

    work = installed.folder / "terraform" / "platform"
    plan = ["plan", "-input=false", "-no-color", "-detailed-exitcode"]
    run([*find("terraform").command, f"-chdir={work}", *plan], variables=shell, codes=(0,))
    diff = ["diff", "--server-side", "--field-manager=mlops-env", "-f", str(objects)]
    run([*find("kubectl").command, *diff], variables=shell, codes=(0, 1))


def _objects(installed: Rehearsed) -> Path:
    """The built objects as a file that kubectl reads."""
    from core import kustomize

    try:
        manifests = kustomize.load(installed.fact("manifests")["folder"])
    except OSError as error:
        raise Lacking(f"The built objects can't be read: {error}.") from error
    return objects_file(installed, manifests)
