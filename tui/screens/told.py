"""A run told in words: what it does, how it stands, what it needs, and what can be done about it now."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Sequence

from textual.content import Content

from core import events
from core.environment.lifetime import lifetime
from core.run.estimate import estimate
from core.run.journal import seconds_between, timestamp
from core.run.state import RunState, StepState
from tui import signs
from tui.text import text
from tui.times import about, age, clock
from tui.watching import Watched
from tui.widgets.outcome import of_error

_DOING = {"install": "installing", "destroy": "destroying"}
_WHAT = {"install": "installation", "destroy": "removal"}
_OVER = ("done", "unchanged", "skipped")
Shown = tuple[Content, list[tuple[str, str]], list[str]]
NOTE_ROWS = 3
"""Lines that a note may take, as the screen of a run has them."""


def what(state: RunState) -> str:
    """What a run is: going on with a removal is another thing than going on with an installation."""
    return _WHAT.get(state.action, "run")


def going_on(watched: Watched, step: StepState | None = None) -> str:
    """What a retry does, from a step that failed where there is one."""
    at = f" at {step.id}" if step else ""
    return f"Goes on with the {what(watched.state)} of {watched.environment.name}{at}; what is done stays done."


def doing(watched: Watched) -> str:
    """What the environment's run does, or how it ended."""
    standing, state = watched.standing, watched.state
    if standing in ("running", "destroying"):
        if state.stopping:
            return "stopping"
        return _DOING.get(state.action, "starting")
    step = None
    if standing == "failed":
        step = failed(state, None)
    elif standing == "interrupted":
        step = next((s for s in state.steps.values() if s.state == "running"), None)
    elif standing != "cancelled":
        return "waiting for you" if standing == "waiting" else standing
    removal = "removal " if state.action == "destroy" else ""
    return f"{removal}{standing}" + (f" at {step.id}" if step else "")


def progress(state: RunState) -> tuple[int, int]:
    """How many steps are over, of how many."""
    return sum(step.state in _OVER for step in state.steps.values()), len(state.steps)


def elapsed(watched: Watched) -> float:
    """Seconds of the run's clock since it began."""
    state = watched.state
    end = state.end
    if isinstance(end, events.RunFinished | events.RunFailed | events.RunCancelled) and end.seconds:
        return end.seconds
    if not state.started:
        return 0.0
    until = timestamp() if watched.live else state.last
    return max(0.0, seconds_between(state.started, until) * (state.rate or 1.0))


def left(watched: Watched) -> float | None:
    """Seconds of the run's clock that the run may still take; None where a clock without waits tells nothing of them, and
    where the run does not go on to its end."""
    state = watched.state
    return estimate(state, timestamp()).left if state.rate and not state.stopping else None


def standing(watched: Watched, cells: int) -> Content:
    """How the run stands, for the top line: all times on the run's own clock, which a rehearsal puts its name before."""
    over, whole = progress(watched.state)
    seconds = left(watched) if watched.live and watched.state.waiting is None else None
    more = "" if seconds is None else f", about {about(seconds)} more" if cells >= 70 else f", ~{about(seconds)}"
    parts = [f"{clock(elapsed(watched))}{more}"]
    if cells >= 90 and whole:
        parts.append(f"{over}/{whole} {signs.bar(over / whole, 12)}")
    elif whole:
        parts.append(f"{over}/{whole}")
    if watched.environment.cloud == "rehearsal":
        name = "rehearsal," if not watched.state.rate else "rehearsal time" if cells >= 70 else "rehearsal"
        parts[0] = f"{name} {parts[0]}"
    return text(" · ".join(parts))


def note(watched: Watched, quiet: float, *, cells: int = 0) -> Content:
    """The lines below: whether it still moves, what closing means, and whose time is shown.

    Where so many cells give it too few lines (`NOTE_ROWS`), whole sentences are left out, those that matter least.
    """
    said = []
    if watched.environment.cloud == "rehearsal":
        said.append(_rehearsed(watched))
    if watched.holder is not None and not watched.holder.here:
        said.append(f"It runs on {watched.holder.host}; steer it there.")
    if watched.live:
        said += [f"Last news {age(quiet)}.", lifetime().sentence, "‹ marks the steps that decide how long it takes."]
    elif watched.state.last:
        said.append(f"Last news {age(seconds_between(watched.state.last, timestamp()))}.")
    return text(_fitting(said, cells))


def _fitting(said: Sequence[str], cells: int) -> str:
    """As many of the sentences as there is room for; one that is too long makes room for a shorter one after it."""
    fitting: list[str] = []
    for sentence in said:
        wanted = " ".join([*fitting, sentence])
        if not cells or len(textwrap.wrap(wanted, cells)) <= NOTE_ROWS:
            fitting.append(sentence)
    return " ".join(fitting)


def _rehearsed(watched: Watched) -> str:
    rate, seconds = watched.state.rate, left(watched)
    if not rate:
        return "Rehearsal: the cloud is simulated, without waiting; it costs nothing."
    pace = f", {rate:.0f} times as fast" if rate > 1 else ""
    here = f" (about {about(seconds / rate)} more here)" if rate > 1 and watched.live and seconds is not None else ""
    return f"Rehearsal: cloud and times are simulated{pace}{here}; it costs nothing."


def second_of_day(run: str) -> int:
    """When a run began, from its id, in seconds of the day."""
    try:
        began = time.strptime(run[:16], "%Y%m%dT%H%M%SZ")
    except ValueError:
        return 0
    return began.tm_hour * 3600 + began.tm_min * 60 + began.tm_sec


def failed(state: RunState, chosen: StepState | None) -> StepState | None:
    """The failed step that is meant: the chosen one, else the first."""
    if chosen is not None and chosen.state == "failed":
        return chosen
    return next((step for step in state.steps.values() if step.state == "failed"), None)


def in_front(watched: Watched, chosen: StepState | None) -> StepState | None:
    """The step whose error stands in front of the log, where one does."""
    step = failed(watched.state, chosen) if watched.state.waiting is None else None
    meant = chosen is None or chosen.state == "failed" or not watched.live
    return step if step is not None and step.error and meant else None


def most_important(watched: Watched) -> str:
    """The step to look at: what needs a person, what failed, what runs on the critical path, what ended last."""
    state = watched.state
    for wanted in ("waiting", "failed", "cancelled"):
        found = next((s.id for s in state.steps.values() if s.state == wanted), "")
        if found:
            return found
    critical = estimate(state, timestamp()).critical if watched.live else ()
    running = [s.id for s in state.steps.values() if s.state == "running"]
    return next((s for s in critical if s in running), "") or next(iter(running or list(state.steps)[-1:]), "")


def outcome(watched: Watched, chosen: StepState | None) -> Shown | None:
    """What stands in front of the log; None while the log is what matters."""
    state, name = watched.state, watched.environment.name
    if state.waiting is not None:
        return _waiting(watched, state.waiting)
    step = in_front(watched, chosen)
    if step is not None and step.error:
        actions = [a for a in ("retry", "skip", "page", "copy", "log") if allowed(a, watched, step)]
        return text((str(step.error.get("message", "")), "bold $text-error")), of_error(step.error), actions
    match watched.standing:
        case "interrupted":
            why = state.interrupted or "its process ended without a word: the machine went down, or it was killed"
            parts = [("Cause", why), ("Next", "Retry goes on: what is done stays done, what was begun is taken up.")]
            return text((f"The {what(state)} of {name} was interrupted.", "bold")), parts, ["retry", "log"]
        case "cancelled":
            reason = state.end.reason if isinstance(state.end, events.RunCancelled) else ""
            return (
                text((f"The {what(state)} of {name} was cancelled.", "bold")),
                [("Cause", reason), ("Next", f"Retry goes on with the {what(state)}: what is done stays done.")],
                ["retry", "log"],
            )
        case "failed":
            error = state.error() or {}
            return (
                text((str(error.get("message", "The run failed.")), "bold $text-error")),
                of_error(error),
                ["retry", "log"],
            )
        case "installed":
            return _installed(watched)
        case "destroyed":
            return text((f"{name} is destroyed.", "bold")), [("", "Its record and its logs stay here.")], ["log"]
    return None


def _waiting(watched: Watched, waiting: events.RunWaiting) -> Shown:
    parts = [("Next", waiting.hint), ("Command", waiting.command)]
    if not watched.live:
        parts.append(("", "The run has ended; retry goes on once that is there."))
        return text((waiting.message, "bold $text-warning")), parts, ["retry", *(["copy"] if waiting.command else []), "log"]
    actions = ["run_here", "signed_in", "copy"] if waiting.command else ["signed_in"]
    return text((waiting.message, "bold $text-warning")), parts, [*actions, "log"]


def _installed(watched: Watched) -> Shown:
    facts = watched.state.facts
    interface = facts.get("pipelines_ui") or {}
    checks = [
        (str(signs.sign(c.get("state", ""))), f"{c.get('check', '')}: {c.get('detail', '')}")
        for c in facts.get("verification") or []
    ]
    rehearsed = watched.environment.cloud == "rehearsal"
    caution = [("", "Rehearsed: that the real cloud accepts it is not shown.")] if rehearsed else []
    url = str(interface.get("url", ""))
    if interface.get("via") == "port-forward":
        url += " (Access forwards it)"
    parts = [("Kubeflow", url), *caution, *checks]
    return text((f"{watched.environment.name} is installed.", "bold $text-success")), parts, ["access", "log"]


def heading(watched: Watched | None, chosen: StepState | None) -> str:
    """The title over what stands in front of the log: the step that an error is of, whatever else the run does."""
    if watched is None:
        return ""
    step = in_front(watched, chosen)
    return (_failed_at(watched.state, step) if step else doing(watched)).capitalize()


def _failed_at(state: RunState, step: StepState) -> str:
    removal = "removal " if state.action == "destroy" else ""
    return f"{removal}failed at {step.id}"


def command(watched: Watched | None, chosen: StepState | None) -> str:
    """The command that helps now."""
    if watched is None:
        return ""
    if watched.state.waiting is not None:
        return watched.state.waiting.command
    step = failed(watched.state, chosen)
    return str(step.error.get("command", "")) if step is not None and step.error else ""


def page(watched: Watched | None, chosen: StepState | None) -> str:
    """The page that helps now."""
    step = failed(watched.state, chosen) if watched is not None else None
    return str(step.error.get("url", "")) if step is not None and step.error else ""


def allowed(action: str, watched: Watched, chosen: StepState | None) -> bool:
    """Whether an action makes sense for the run as it stands."""
    state, standing = watched.state, watched.standing
    step = failed(state, chosen)
    here = watched.holder is None or watched.holder.here
    steered = watched.live and here and not state.stopping
    match action:
        case "retry":
            resting = standing in ("failed", "cancelled", "interrupted") or (standing == "waiting" and not watched.live)
            return resting or (steered and step is not None)
        case "skip":
            return step is not None and step.optional and here and (steered or not watched.live)
        case "cancel":
            return steered
        case "signed_in" | "run_here":
            waiting = state.waiting
            return steered and waiting is not None and (action == "signed_in" or bool(waiting.command))
        case "page":
            return bool(page(watched, chosen))
        case "access":
            return standing == "installed"
    return True
