"""The scenario file: what a rehearsal's cloud is like and what goes wrong in it, scripted by the user.

Every key has a default, so that a rehearsal without a scenario is an ordinary good day at sixty times the speed. A file
that says something else than the table in the documentation is refused with one sentence that names the key.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from core.errors import UsageError

DURATIONS: dict[str, float] = {
    "serviceusage.services.batchEnable": 90,
    "serviceusage.services.enable": 60,
    "serviceusage.services.disable": 10,
    "iam.projects.serviceAccounts.create": 10,
    "compute.networks.insert": 20,
    "compute.networks.delete": 20,
    "compute.networks.removePeering": 15,
    "compute.subnetworks.insert": 15,
    "compute.subnetworks.delete": 15,
    "compute.routers.insert": 10,
    "compute.routers.patch": 10,
    "compute.routers.delete": 10,
    "compute.firewalls.insert": 10,
    "compute.firewalls.delete": 10,
    "compute.globalAddresses.insert": 10,
    "compute.globalAddresses.delete": 10,
    "compute.disks.delete": 10,
    "servicenetworking.services.connections.create": 90,
    "servicenetworking.services.connections.deleteConnection": 30,
    "container.projects.locations.clusters.create": 420,
    "container.projects.locations.clusters.update": 30,
    "container.projects.locations.clusters.delete": 300,
    "container.projects.locations.clusters.nodePools.create": 150,
    "container.projects.locations.clusters.nodePools.delete": 180,
    "container.projects.locations.clusters.nodePools.update": 60,
    "sql.instances.insert": 540,
    "sql.instances.patch": 60,
    "sql.instances.delete": 120,
    "sql.users.insert": 5,
    "sql.users.update": 5,
    "sql.users.delete": 5,
    "artifactregistry.projects.locations.repositories.create": 15,
    "artifactregistry.projects.locations.repositories.delete": 10,
    "cloudbuild.projects.locations.builds.create": 600,
    "notebooks.projects.locations.instances.create": 240,
    "notebooks.projects.locations.instances.delete": 90,
    "notebooks.projects.locations.instances.start": 60,
    "notebooks.projects.locations.instances.stop": 60,
    "kubernetes:pod": 30,
    "kubernetes:volume": 15,
    "kubernetes:namespace-delete": 20,
    "kfp:run": 90,
}
"""Simulated seconds that a call's long operation takes (by its id in the discovery documents), or a part of the cluster."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One ``[[fault]]``: a call (or a pod) that goes wrong ``times`` times; 0 means always.

    ``after_bytes`` and ``seconds`` are for what the relay cuts in mid-stream: when, and for how long (real seconds).
    """

    call: str = ""
    pod: str = ""
    status: int = 0
    error: str = ""
    operation: str = ""
    when: str = "before"
    reason: str = ""
    message: str = ""
    times: int = 1
    after_bytes: int = 0
    seconds: float = 0


@dataclass(frozen=True, slots=True)
class Project:
    """``[project]``: what the project and the caller's account in it are like."""

    billing_enabled: bool = True
    missing_permissions: list[str] = field(default_factory=list)
    policies: dict[str, Any] = field(default_factory=dict)
    quotas: dict[str, dict[str, float]] = field(default_factory=dict)
    resources: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class SignIn:
    """``[sign_in]``: how long a token lives, and after how long (simulated seconds) the sign-in ends; 0: never."""

    token_seconds: float = 3600
    ends_after: float = 0


@dataclass(frozen=True, slots=True)
class Delays:
    """``[delays]``: simulated seconds until a grant works, and until an enabled API answers.

    ``iam_flips`` is how long a new grant works at first, and then for how long it does not, before it does for good.
    """

    iam: float = 60
    services: float = 30
    iam_flips: float = 0


@dataclass(frozen=True, slots=True)
class Terraform:
    """``[terraform]``: which provider Terraform runs, the stand-in or the real one from where Terraform finds it."""

    provider: str = "stand-in"


@dataclass(frozen=True, slots=True)
class Scenario:
    """A whole scenario file; ``lacks`` says what a zone or a region does not offer (`core.rehearsal.google.offers`)."""

    speed: float = 60
    seed: int = 7
    latency_ms: float = 0
    durations: dict[str, float] = field(default_factory=dict)
    fault: list[Fault] = field(default_factory=list)
    project: Project = field(default_factory=Project)
    lacks: dict[str, list[str]] = field(default_factory=dict)
    sign_in: SignIn = field(default_factory=SignIn)
    delays: Delays = field(default_factory=Delays)
    terraform: Terraform = field(default_factory=Terraform)

    def duration(self, call: str) -> float:
        """Simulated seconds that the call's long operation takes; 5 where nothing is known of it."""
        return float(self.durations.get(call, DURATIONS.get(call, 5)))

    def to_dict(self) -> dict[str, Any]:
        """The scenario as JSON, every default filled in."""
        return asdict(self)


_TABLES: dict[str, type] = {"project": Project, "sign_in": SignIn, "delays": Delays, "terraform": Terraform}
PROVIDERS = ("stand-in", "hashicorp")
_ERRORS = ("timeout", "reset")
_POD_REASONS = ("ImagePullBackOff", "CrashLoopBackOff", "CreateContainerConfigError", "Unschedulable")


def load(path: Path) -> Scenario:
    """The scenario in a file; raises `UsageError` where it is missing, malformed, or says what no scenario can say."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"The scenario file {path} can't be read: {error.strerror}.", code="scenario") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"The scenario file {path} is not TOML: {error}.", code="scenario") from error
    return parse(data)


def parse(data: Mapping[str, Any]) -> Scenario:
    """The scenario that a decoded file means; raises `UsageError`."""
    values: dict[str, Any] = dict(_known(Scenario, data, ""))
    for name, cls in _TABLES.items():
        if name in values:
            values[name] = _table(cls, values[name], name)
    faults = values.get("fault", [])
    if not isinstance(faults, list):
        raise _wrong("fault", faults, "a list of tables, each [[fault]]")
    values["fault"] = [_fault(item) for item in faults]
    for key in ("speed", "latency_ms"):
        if key in values and not _number(values[key]):
            raise _wrong(key, values[key], "a number, 0 or more")
    durations = values.get("durations", {})
    if not isinstance(durations, dict) or not all(_number(v) for v in durations.values()):
        raise _wrong("durations", durations, "calls with numbers of seconds, 0 or more")
    lacks = values.get("lacks", {})
    if not isinstance(lacks, dict) or not all(_texts(named) for named in lacks.values()):
        raise _wrong("lacks", lacks, "zones or regions, each with a list of what it does not offer")
    scenario = Scenario(**values)
    if scenario.terraform.provider not in PROVIDERS:
        raise _wrong("terraform.provider", scenario.terraform.provider, " or ".join(PROVIDERS))
    return scenario


def _table(cls: type, value: Any, name: str) -> Any:
    if not isinstance(value, dict):
        raise _wrong(name, value, "a table")
    return cls(**_known(cls, value, f"{name}."))


def _fault(value: Any) -> Fault:
    if not isinstance(value, dict):
        raise _wrong("fault", value, "a table")
    fault = Fault(**_known(Fault, value, "fault."))
    if bool(fault.call) == bool(fault.pod):
        raise _wrong("fault", value, "either a call or a pod")
    if fault.pod and fault.reason not in _POD_REASONS:
        raise _wrong("fault.reason", fault.reason, " or ".join(_POD_REASONS))
    if fault.call and not (fault.status or fault.error or fault.operation):
        raise _wrong("fault", value, "a call with a status, an error or an operation")
    if fault.error and fault.error not in _ERRORS:
        raise _wrong("fault.error", fault.error, " or ".join(_ERRORS))
    if not (_number(fault.after_bytes) and _number(fault.seconds)):
        raise _wrong("fault", value, "after_bytes and seconds that are numbers, 0 or more")
    if fault.when not in ("before", "after"):
        raise _wrong("fault.when", fault.when, "before or after")
    return fault


def _known(cls: type, data: Mapping[str, Any], prefix: str) -> Mapping[str, Any]:
    names = [f.name for f in fields(cls)]
    for key in data:
        if key not in names:
            near = next(iter(difflib.get_close_matches(key, names, n=1)), "")
            hint = f"Did you mean {prefix}{near}?" if near else f"Known are: {', '.join(names)}."
            raise UsageError(f"The scenario has no key {prefix}{key}.", code="scenario", hint=hint)
    return data


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(entry, str) for entry in value)


def _wrong(key: str, value: Any, allowed: str) -> UsageError:
    return UsageError(f"The scenario's {key} = {value!r} is not allowed: {allowed}.", code="scenario")
