"""A run told in lines for a person: what begins, what it makes, what ends, and in the end how to reach it."""

from __future__ import annotations

from core import events
from core.cli.output import Output
from core.environment import Environment
from core.events import Record
from core.run.state import RunState

_DONE = {
    "create": "created",
    "update": "changed",
    "delete": "deleted",
    "replace": "replaced",
    "import": "adopted",
    "read": "seen",
}


class Narrator:
    """Tells the events of one run on stderr, and its result on stdout."""

    def __init__(self, environment: Environment, out: Output) -> None:
        self._environment, self._out = environment, out

    def tell(self, record: Record, state: RunState) -> None:
        """One event, if it is worth a line."""
        text = self._text(record.event, state)
        if text:
            self._out.say(f"{record.time[11:19]}  {text}")
        if isinstance(record.event, events.RunFinished):
            self._result(state)

    def _text(self, event: events.Event, state: RunState) -> str:
        match event:
            case events.RunStarted():
                return f"{event.action} begins: {len(event.steps)} steps"
            case events.StepStarted():
                again = f" (try {event.attempt})" if event.attempt > 1 else ""
                return f"{event.step:14} begins{again}"
            case events.StepProgress():
                return f"{event.step:14} {event.message}"
            case events.ResourceChanged() if event.state in ("done", "failed"):
                what = _DONE.get(event.action, event.action) if event.state == "done" else f"{event.action} failed"
                return f"{event.step:14} {event.kind} {event.id}: {what}" + _after(event.seconds)
            case events.StepRetrying():
                return f"{event.step:14} {event.error.get('message', '')} Again in {event.delay:.0f} s."
            case events.StepFinished():
                return f"{event.step:14} {event.state}" + _after(event.seconds)
            case events.StepFailed():
                return f"{event.step:14} FAILED: {event.error.get('message', '')}"
            case events.StepCancelled():
                return f"{event.step:14} cancelled" + (f": {event.reason}" if event.reason else "")
        return self._of_the_run(event)

    def _of_the_run(self, event: events.Event) -> str:
        match event:
            case events.RunWaiting():
                more = "".join(f" {text}" for text in (event.hint, event.command) if text)
                return f"waits for you: {event.message}{more}"
            case events.RunResumed():
                return "goes on"
            case events.RunStopping():
                return "stops, once what is in flight is safe"
            case events.RunInterrupted():
                return f"interrupted: {event.reason}. Go on with: mlops-env retry {self._environment.name}"
            case events.RunCancelled():
                return "cancelled" + (f": {event.reason}" if event.reason else "")
            case events.RunFinished():
                return "finished" + ("" if event.changed else "; nothing had to be changed") + _after(event.seconds)
            case events.RunFailed():
                return f"failed. Go on with: mlops-env retry {self._environment.name}"
        return ""

    def _result(self, state: RunState) -> None:
        out, name = self._out, self._environment.name
        if state.action == "destroy":
            out.data(f"{name} is destroyed.")
            return
        interface = state.facts.get("pipelines_ui") or {}
        out.data(f"{name} is installed.")
        out.data(f"Kubeflow Pipelines: {interface.get('url', '')} ({interface.get('via', '')})")
        out.data(f"Open it with:       mlops-env access {name} --forward")
        for check in state.facts.get("verification") or []:
            out.data(f"  {check['state']:4}  {check['check']}: {check['detail']}")
        if self._environment.cloud == "rehearsal":
            manifests = (state.facts.get("manifests") or {}).get("source", "")
            out.data(
                "Rehearsed: Google Cloud, GKE, MySQL and Kubeflow were simulated; Terraform, kubectl and the client "
                f"libraries were real; manifests: {manifests or 'none'}. That the real cloud accepts it is not shown."
            )


def _after(seconds: float) -> str:
    if seconds < 1:
        return ""
    minutes, rest = divmod(int(seconds), 60)
    return f" after {minutes} min {rest:02d} s" if minutes else f" after {rest} s"
