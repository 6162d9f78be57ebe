"""One container: it starts with what it is given, does what its program does, fails, waits and starts again."""

from __future__ import annotations

from typing import Any

from core.rehearsal.kubernetes.controllers.context import Context
from core.rehearsal.kubernetes.programs import Problem, Process, Program, environment, of_image
from core.rehearsal.kubernetes.status import Obj
from core.rehearsal.kubernetes.validation import at

CRASH_BACKOFF = (10.0, 20.0, 40.0, 80.0, 160.0, 300.0)
LOG_LINES = 200
_NEW: Obj = {
    "state": "waiting",
    "reason": "PodInitializing",
    "restarts": 0,
    "until": 0.0,
    "ready": False,
    "log": [],
    "previous": [],
}


def _state(runtime: Obj, container: Obj) -> Obj:
    """The container's part of what is kept, a copy that may be written to."""
    kept = dict(runtime["containers"].get(container["name"]) or _NEW)
    runtime["containers"] = {**runtime["containers"], container["name"]: kept}
    return kept


def process(ctx: Context, pod: Obj, state: Obj, container: Obj) -> Process:
    """The container as its program sees it."""
    return Process(ctx.world, ctx.cluster, pod, container, state.get("env") or {})


def _say(ctx: Context, state: Obj, text: str) -> None:
    lines = [*state["log"], f"{ctx.stamp()} {text}"]
    state["log"] = lines[-LOG_LINES:]


def finished(ctx: Context, pod: Obj, runtime: Obj, container: Obj) -> bool:
    """Takes an init container on; whether it has ended well."""
    state = _state(runtime, container)
    if state["state"] == "terminated" and state.get("exit") == 0:
        return True
    if state["state"] != "running" and not _start(ctx, pod, runtime, state, container):
        return False
    program = of_image(container["image"])
    running = process(ctx, pod, state, container)
    problems = program.problems(running)
    if problems:
        return _fail(ctx, pod, state, container, problems[0], program)
    why = program.waits(running) if program.waits else ""
    if why:
        if not state["log"] or not state["log"][-1].endswith(why):
            _say(ctx, state, why)
        return False
    if not ctx.due(state["started"] + program.seconds if ctx.world.clock.speed else state["started"]):
        return False
    state |= {"state": "terminated", "exit": 0, "reason": "Completed", "ended": ctx.now, "ready": True}
    ctx.changed = True
    return True


def advance(ctx: Context, pod: Obj, runtime: Obj, container: Obj) -> None:
    """Takes a container on."""
    state = _state(runtime, container)
    if state["state"] == "terminated" and pod["spec"].get("restartPolicy") != "Always":
        return
    if state["state"] != "running" and not _start(ctx, pod, runtime, state, container):
        return
    program = of_image(container["image"])
    running = process(ctx, pod, state, container)
    if not state.get("settled"):
        problems = [p for p in [*program.problems(running), *_probing(program, running)] if p.fatal]
        if problems:
            _fail(ctx, pod, state, container, problems[0], program)
            return
        if program.greeting:
            _say(ctx, state, program.greeting)
        if program.effect is not None:
            program.effect(running)
        state["settled"] = True
    if program.waits is not None and pod["spec"].get("restartPolicy") != "Always":
        _work(ctx, state, program, running)
        return
    _readiness(ctx, state, container, program, running)


def _work(ctx: Context, state: Obj, program: Program, running: Process) -> None:
    """A program that ends by itself, in a pod that lets it."""
    state["ready"] = True
    why = program.waits(running) if program.waits else ""
    if not why and ctx.due(state["started"] + program.seconds if ctx.world.clock.speed else state["started"]):
        state |= {"state": "terminated", "exit": 0, "reason": "Completed", "ended": ctx.now, "ready": False}


def _readiness(ctx: Context, state: Obj, container: Obj, program: Program, running: Process) -> None:
    probe = container.get("readinessProbe")
    if probe is None:
        state["ready"] = True
        return
    delay = max(1.0, float(probe.get("initialDelaySeconds", 0)))
    if not state["ready"] and not ctx.due(ctx.after(delay) if ctx.world.clock.speed == 0 else state["started"] + delay):
        return
    problems = [p for p in [*program.problems(running), *_probing(program, running)] if not p.fatal]
    if problems and not (state["log"] and state["log"][-1].endswith(problems[0].text)):
        _say(ctx, state, problems[0].text)
    state["ready"] = not problems


def _port(container: Obj, port: Any) -> int:
    if isinstance(port, int):
        return port
    named = next((p["containerPort"] for p in container.get("ports") or () if p.get("name") == port), None)
    return int(named) if named is not None else int(port) if str(port).isdecimal() else 0


def _probing(program: Program, running: Process) -> list[Problem]:
    """What the kubelet finds when it probes the container and runs its hooks."""
    container, ports = running.container, program.open_ports(running)
    hook = at(container, "lifecycle.postStart")
    if hook and "exec" in hook and not program.shell:
        return [Problem(f'PostStartHookError: exec: "{hook["exec"]["command"][0]}": executable file not found in $PATH')]
    for name in ("startupProbe", "livenessProbe", "readinessProbe"):
        probe = container.get(name) or {}
        fatal = name != "readinessProbe"
        if "exec" in probe and not program.shell:
            return [Problem(f"{name} failed: exec: executable file not found in $PATH", fatal)]
        for kind in ("httpGet", "tcpSocket", "grpc"):
            wanted = at(probe, f"{kind}.port")
            if wanted is not None and ports != {-1} and _port(container, wanted) not in ports:
                seconds = float(probe.get("periodSeconds", 10)) * float(probe.get("failureThreshold", 3))
                return [Problem(f"{name} failed: dial tcp :{wanted}: connect: connection refused", fatal, seconds)]
    return []


def _start(ctx: Context, pod: Obj, runtime: Obj, state: Obj, container: Obj) -> bool:
    """Starts a container whose time has come; whether it runs now."""
    if not ctx.due(state["until"]):
        return False
    fault = runtime.get("fault") or {}
    env, why = environment(ctx.cluster, pod, container)
    if not why and fault.get("reason") == "CreateContainerConfigError":
        why = fault["message"] or "the scenario says CreateContainerConfigError"
    if why:
        state |= {"state": "waiting", "reason": "CreateContainerConfigError", "message": why}
        state["failures"] = state.get("failures", 0) + 1
        state["until"] = ctx.after(10.0, attempt=state["failures"])
        ctx.event(pod, "Failed", f"Error: {why}", warning=True)
        _renew(ctx, pod, runtime)
        ctx.due(state["until"])
        return False
    state |= {"state": "running", "reason": "", "message": "", "started": ctx.now, "env": env, "ready": False}
    state |= {"settled": False, "log": [], "failures": 0}
    ctx.event(pod, "Started", f"Started container {container['name']}")
    ctx.changed = True
    if fault.get("reason") == "CrashLoopBackOff":
        said = fault["message"] or "the scenario ends this program"
        _renew(ctx, pod, runtime)
        _fail(ctx, pod, state, container, Problem(said, after=0.0), of_image(container["image"]))
        return False
    return True


def _renew(ctx: Context, pod: Obj, runtime: Obj) -> None:
    from core.rehearsal.kubernetes.controllers.pods import workload

    fault = ctx.world.faults.pod(workload(ctx, pod)) if runtime.get("fault") else None
    runtime["fault"] = {"reason": fault.reason, "message": fault.message} if fault else None


def _fail(ctx: Context, pod: Obj, state: Obj, container: Obj, problem: Problem, program: Program) -> bool:
    """Ends a container because of a problem, once the time that it takes to notice is over; always False."""
    if not ctx.due(state["started"] + problem.after if ctx.world.clock.speed else state["started"]):
        # until it notices, a program without a probe counts as ready
        state["ready"] = container.get("readinessProbe") is None
        if not (state["log"] and state["log"][-1].endswith(problem.text)):
            _say(ctx, state, problem.text)
        return False
    if not (state["log"] and state["log"][-1].endswith(problem.text)):
        _say(ctx, state, problem.text)
    restarts = state["restarts"]
    last = {"exitCode": 1, "reason": "Error", "startedAt": ctx.stamp(state["started"]), "finishedAt": ctx.stamp()}
    state |= {"previous": state["log"], "log": [], "last": last, "ready": False, "exit": 1, "ended": ctx.now}
    if pod["spec"].get("restartPolicy") == "Never":
        state |= {"state": "terminated", "reason": "Error", "message": problem.text}
        return False
    seconds = CRASH_BACKOFF[min(restarts, len(CRASH_BACKOFF) - 1)]
    words = f"back-off {int(seconds)}s restarting failed container={container['name']} pod={pod['metadata']['name']}"
    state |= {"state": "waiting", "reason": "CrashLoopBackOff", "message": words, "restarts": restarts + 1}
    state["until"] = ctx.after(seconds, attempt=restarts + 1)
    ctx.event(pod, "BackOff", f"Back-off restarting failed container {container['name']}", warning=True)
    ctx.due(state["until"])
    ctx.changed = True
    return False


def stop_seconds(ctx: Context, pod: Obj, container: Obj) -> float:
    """How long a container takes to end when it is told to, by its hook."""
    hook = at(container, "lifecycle.preStop") or {}
    if "exec" in hook and not of_image(container["image"]).shell:
        words = f'PreStopHook failed: exec: "{hook["exec"]["command"][0]}": executable file not found in $PATH'
        ctx.event(pod, "FailedPreStopHook", words, warning=True)
        return 0.0
    return float(at(hook, "sleep.seconds") or 0)


def describe(ctx: Context, runtime: Obj, container: Obj, *, running: bool) -> Obj:
    """The container's status as the API shows it."""
    state = runtime["containers"].get(container["name"]) or _NEW
    image = str(container.get("image", ""))
    shown: Obj = {
        "name": container["name"],
        "image": image,
        "imageID": "",
        "ready": bool(state["ready"]) and running,
        "restartCount": state["restarts"],
        "started": state["state"] == "running",
        "lastState": {"terminated": state["last"]} if state.get("last") else {},
    }
    pull = runtime.get("pull")
    if pull and pull["container"] == container["name"]:
        shown["state"] = {
            "waiting": {"reason": "ImagePullBackOff", "message": f'Back-off pulling image "{image}": {pull["message"]}'}
        }
    elif state["state"] == "running":
        shown |= {"state": {"running": {"startedAt": ctx.stamp(state["started"])}}, "imageID": f"{image}@sha256:rehearsal"}
    elif state["state"] == "terminated":
        ended = {"exitCode": state["exit"], "reason": state["reason"], "finishedAt": ctx.stamp(state["ended"])}
        if state.get("message"):
            ended["message"] = state["message"]
        shown["state"] = {"terminated": {**ended, "startedAt": ctx.stamp(state["started"])}}
    else:
        reason = state["reason"] if running else "ContainerCreating"
        waiting = {"reason": reason}
        if state.get("message"):
            waiting["message"] = state["message"]
        shown["state"] = {"waiting": waiting}
    return shown
