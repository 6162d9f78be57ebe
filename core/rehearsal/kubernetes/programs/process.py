"""A container that runs: what it was given when it started, and what it finds when it looks around.

The environment is fixed at the start, as in a real container: a ConfigMap that changes later changes nothing until a
restart. Everything else (services, rights, the database) is looked at live.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field

from core.rehearsal.kubernetes import rbac
from core.rehearsal.kubernetes.objects import Cluster
from core.rehearsal.kubernetes.resources import BUILTIN
from core.rehearsal.kubernetes.selectors import labels_of
from core.rehearsal.kubernetes.status import Obj
from core.rehearsal.kubernetes.validation import at
from core.rehearsal.world import World

_SECRETS, _CONFIG_MAPS = BUILTIN["", "v1", "secrets"], BUILTIN["", "v1", "configmaps"]
_SERVICES, _PODS, _ACCOUNTS = BUILTIN["", "v1", "services"], BUILTIN["", "v1", "pods"], BUILTIN["", "v1", "serviceaccounts"]
RUNTIME = "kubernetes.runtime"
"""Kind of the documents in which the kubelet's part of a pod's life is kept, by the pod's uid."""

_REFERENCE = re.compile(r"\$(\$)?\(([A-Za-z_][A-Za-z0-9_.-]*)\)")


@dataclass(frozen=True, slots=True)
class Problem:
    """Something a process finds wrong: it ends because of it after ``after`` seconds, or (not fatal) it is not ready."""

    text: str
    fatal: bool = True
    after: float = 2.0


@dataclass(frozen=True)
class Process:
    """One running container."""

    world: World
    cluster: Cluster
    pod: Obj
    container: Obj
    env: dict[str, str] = field(default_factory=dict)

    @property
    def namespace(self) -> str:
        """The pod's namespace."""
        return str(self.pod["metadata"]["namespace"])

    @property
    def account(self) -> str:
        """The name of the pod's ServiceAccount."""
        return str(self.pod["spec"].get("serviceAccountName") or "default")

    @property
    def args(self) -> list[str]:
        """Command and arguments, references to variables put in."""
        given = [*(self.container.get("command") or ()), *(self.container.get("args") or ())]
        return [expand(str(a), self.env) for a in given]

    def flag(self, name: str, default: str = "") -> str:
        """The value of ``--name=value`` or ``--name value``."""
        args = self.args
        for n, arg in enumerate(args):
            bare = arg.lstrip("-")
            if arg.startswith("-") and bare.startswith(name + "="):
                return bare[len(name) + 1 :]
            if arg.startswith("-") and bare == name and n + 1 < len(args) and not args[n + 1].startswith("-"):
                return args[n + 1]
        return default

    def has_flag(self, name: str) -> bool:
        """Whether ``--name`` is there and not ``false``."""
        return any(a.lstrip("-") in (name, f"{name}=true") for a in self.args if a.startswith("-"))

    def config(self, name: str) -> dict[str, str]:
        """The data of a ConfigMap in the pod's namespace; {} where there is none."""
        found = self.cluster.find(_CONFIG_MAPS, self.namespace, name)
        return dict((found or {}).get("data") or {})

    def secret(self, name: str) -> dict[str, str]:
        """The decoded data of a Secret in the pod's namespace; {} where there is none."""
        return secret_data(self.cluster, self.namespace, name)

    # -- around it

    def backends(self, host: str, port: int) -> list[Obj] | str:
        """The pods that stand behind a host and port of the cluster, or why it is not reached."""
        name, namespace = _named(host, self.namespace)
        service = self.cluster.find(_SERVICES, namespace, name)
        if service is None:
            return f"lookup {host}: no such host"
        target = next((p for p in at(service, "spec.ports") or () if p["port"] == port), None)
        if target is None:
            return f"dial tcp {at(service, 'spec.clusterIP')}:{port}: i/o timeout"
        selector = at(service, "spec.selector") or {}
        pods = self.cluster.list(_PODS, namespace, lambda p: selector.items() <= labels_of(p).items())
        ready = [p for p in pods if _ready(p)]
        return ready or f"dial tcp {at(service, 'spec.clusterIP')}:{port}: connect: connection refused"

    def reaches(self, host: str, port: int) -> str:
        """Why a host and port of the cluster is not reached; empty where it is."""
        found = self.backends(host, port)
        return found if isinstance(found, str) else ""

    def may(self, verb: str, group: str, resource: str, name: str = "", namespace: str | None = None) -> bool:
        """Whether RBAC lets the pod's account do something in its namespace."""
        subject = rbac.service_account(self.namespace, self.account)
        where = self.namespace if namespace is None else namespace
        return rbac.allowed(self.cluster, subject, rbac.Action(verb, group, resource, where, name))

    def wants(self, group: str, resource: str, verbs: tuple[str, ...] = ("list", "watch")) -> list[Problem]:
        """The complaints of an informer that lacks rights."""
        who = f"system:serviceaccount:{self.namespace}:{self.account}"
        for verb in verbs:
            if not self.may(verb, group, resource):
                text = (
                    f'failed to {verb} {resource}: {resource}.{group or "core"} is forbidden: User "{who}" cannot {verb} '
                    f'resource "{resource}" in API group "{group}" in the namespace "{self.namespace}"'
                )
                return [Problem(text)]
        return []

    def google_account(self) -> str:
        """The Google account that the pod acts as; empty where it has none."""
        return google_account(self.world, self.cluster, self.namespace, self.account)


def running(world: World, cluster: Cluster, pod: Obj, container: Obj) -> Process | None:
    """The process of a pod's container; None where it does not run."""
    kept = world.store.get(RUNTIME, f"{cluster.uid}/{pod['metadata']['uid']}") or {}
    state = (kept.get("containers") or {}).get(container["name"]) or {}
    return Process(world, cluster, pod, container, state.get("env") or {}) if state.get("state") == "running" else None


def secret_data(cluster: Cluster, namespace: str, name: str) -> dict[str, str]:
    """The decoded data of a Secret; {} where there is none."""
    found = cluster.find(_SECRETS, namespace, name)
    data = (found or {}).get("data") or {}
    return {k: base64.b64decode(v).decode(errors="replace") for k, v in data.items()}


def google_account(world: World, cluster: Cluster, namespace: str, account: str) -> str:
    """The Google account that Workload Identity gives a Kubernetes account; empty where it gives none.

    It takes both ends: the annotation on the Kubernetes account, and the right to act as the Google account, granted to
    the Kubernetes one on it.
    """
    found = cluster.find(_ACCOUNTS, namespace, account)
    email = ((found or {"metadata": {}})["metadata"].get("annotations") or {}).get("iam.gke.io/gcp-service-account", "")
    member = f"serviceAccount:{world.project}.svc.id.goog[{namespace}/{account}]"
    if not email:
        return member.removeprefix("serviceAccount:")
    resource = f"projects/{world.project}/serviceAccounts/{email}"
    return str(email) if world.identity.holds(member, "roles/iam.workloadIdentityUser", resource) else ""


def expand(text: str, env: dict[str, str]) -> str:
    """A text with ``$(NAME)`` put in; a name that is not known stays as it is, ``$$(`` is an escape."""

    def put(match: re.Match[str]) -> str:
        return match[0][1:] if match[1] else env.get(match[2], match[0])

    return _REFERENCE.sub(put, text)


def unresolved(text: str) -> bool:
    """Whether a text still holds a reference or a placeholder that somebody should have filled in."""
    return bool(_REFERENCE.search(text)) or bool(re.search(r"\byour[A-Z]\w*|<your-[\w-]+>", text))


def _named(host: str, namespace: str) -> tuple[str, str]:
    parts = host.removesuffix(".").removesuffix(".cluster.local").removesuffix(".svc").split(".")
    return parts[0], parts[1] if len(parts) > 1 else namespace


def _ready(pod: Obj) -> bool:
    if pod["metadata"].get("deletionTimestamp"):
        return False
    return any(c["type"] == "Ready" and c["status"] == "True" for c in at(pod, "status.conditions") or ())


def environment(cluster: Cluster, pod: Obj, container: Obj) -> tuple[dict[str, str], str]:
    """The variables that a container starts with, and what keeps it from starting."""
    namespace = pod["metadata"]["namespace"]
    env = _service_links(cluster, pod) if pod["spec"].get("enableServiceLinks", True) else {}
    for source in container.get("envFrom") or ():
        values, why = _all_of(cluster, namespace, source)
        if why:
            return {}, why
        env |= {source.get("prefix", "") + k: v for k, v in values.items()}
    for item in container.get("env") or ():
        if "valueFrom" not in item:
            env[item["name"]] = expand(str(item.get("value") or ""), env)
            continue
        value, why = _one_of(cluster, pod, container, item["valueFrom"])
        if why:
            return {}, why
        if value is not None:
            env[item["name"]] = value
    return env, ""


def _service_links(cluster: Cluster, pod: Obj) -> dict[str, str]:
    env = {}
    for service in cluster.list(_SERVICES, pod["metadata"]["namespace"]):
        name = service["metadata"]["name"].upper().replace("-", "_")
        ports = at(service, "spec.ports") or []
        if ports and at(service, "spec.clusterIP") not in (None, "None"):
            env[f"{name}_SERVICE_HOST"] = str(at(service, "spec.clusterIP"))
            env[f"{name}_SERVICE_PORT"] = str(ports[0]["port"])
    return env


def _all_of(cluster: Cluster, namespace: str, source: Obj) -> tuple[dict[str, str], str]:
    for key, resource, word in (("secretRef", _SECRETS, "secret"), ("configMapRef", _CONFIG_MAPS, "configmap")):
        if reference := source.get(key):
            if cluster.find(resource, namespace, reference["name"]) is None:
                return {}, "" if reference.get("optional") else f'{word} "{reference["name"]}" not found'
            if key == "secretRef":
                return secret_data(cluster, namespace, reference["name"]), ""
            return dict(cluster.get(resource, namespace, reference["name"]).get("data") or {}), ""
    return {}, ""


def _one_of(cluster: Cluster, pod: Obj, container: Obj, source: Obj) -> tuple[str | None, str]:
    namespace = pod["metadata"]["namespace"]
    if reference := source.get("fieldRef"):
        return _field(pod, reference["fieldPath"]), ""
    if "resourceFieldRef" in source:
        return str(at(container, "resources." + source["resourceFieldRef"]["resource"]) or "0"), ""
    for key, resource, word in (("secretKeyRef", _SECRETS, "secret"), ("configMapKeyRef", _CONFIG_MAPS, "configmap")):
        if (reference := source.get(key)) is None:
            continue
        kept = cluster.find(resource, namespace, reference["name"])
        if kept is None:
            return None, "" if reference.get("optional") else f'{word} "{reference["name"]}" not found'
        data = kept.get("data") or {}
        if reference["key"] not in data:
            kind = {"secret": "Secret", "configmap": "ConfigMap"}[word]
            words = f"couldn't find key {reference['key']} in {kind}"
            return None, "" if reference.get("optional") else f"{words} {namespace}/{reference['name']}"
        if key == "secretKeyRef":
            return secret_data(cluster, namespace, reference["name"])[reference["key"]], ""
        return str(data[reference["key"]]), ""
    return None, ""


def _field(pod: Obj, path: str) -> str:
    if m := re.fullmatch(r"metadata\.(labels|annotations)\['(.+)'\]", path):
        return str((pod["metadata"].get(m[1]) or {}).get(m[2], ""))
    return str(at(pod, path) or "")
