"""The stock kubectl on both servers: what it prints, how it ends, and which requests it makes, command by command."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from core.toolchain import find
from tests.conformance.kubernetes.battery.samples import RICH, Obj, container, crd, template
from tests.conformance.kubernetes.normal import words
from tests.conformance.kubernetes.side import Scenario, Side

_REQUEST = re.compile(
    r'(?:"Response" |)(?:verb=")?(GET|POST|PUT|PATCH|DELETE)"? (?:url=")?https://[^/\s"]+(/[^\s"]*)"?\s+(?:status=")?(\d+)'
)
_DISCOVERY = re.compile(
    r"/openapi/.*|/version|/api|/apis|/api/v1|/apis/[^/]+/[^/]+|/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
)
"""What kubectl asks of a server that it does not know yet, in an order of its own each time."""
_FLEETING = ("timeout", "resourceVersion", "limit=", "continue")
_MADE_UP = (
    (re.compile(r"/tmp/(LIVE|MERGED)-\d+"), r"/tmp/\1"),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ \+0000"), "<time>"),
    (re.compile(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d \+0000"), "<time>"),
    (re.compile(r"Resource Version:\s+\d+"), "Resource Version: <version>"),
    (re.compile(r"\b10\.4\.\d+\.\d+\b"), "<pod's address>"),
    (re.compile(r"\b(node-1|gke-demo-pool-\d+)\b"), "<node>"),
)
_AGE = re.compile(r"(?<=[\s(])(\d+[smhd]){1,2}(?=\s|\)|$| ago)")
_POD = re.compile(r"\b([a-z][a-z0-9-]*?)-[bcdf-hjklmnp-tv-xz2-9]{7,10}-[bcdf-hjklmnp-tv-xz2-9]{5}\b")
_SET = re.compile(r"\b(web|store|rich|refused)-[bcdf-hjklmnp-tv-xz2-9]{7,10}\b")
_VERSION = re.compile(r"(resourceVersion|uid|pod-template-hash)([:=] ?)(\"?)[\w-]+")
_SPACES = re.compile(r"[ \t]+")


def _config(**data: str) -> Obj:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": data}


def _web(image: str = "nginx:1", **spec: Any) -> Obj:
    body = {
        "selector": {"matchLabels": {"app": "web"}},
        "replicas": 1,
        "template": template(containers=[container(image=image)]),
    }
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {**body, **spec}}


_SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web"},
    "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "name": "http"}]},
}
_CLAIM = {
    "apiVersion": "v1",
    "kind": "PersistentVolumeClaim",
    "metadata": {"name": "data"},
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
}
_WIDGETS = crd(
    "Widget",
    "widgets",
    {"type": "object", "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer"}}}}},
    additionalPrinterColumns=[{"name": "Size", "type": "integer", "jsonPath": ".spec.size"}],
)
_WIDGET = {"apiVersion": "battery.example.com/v1", "kind": "Widget", "metadata": {"name": "one"}, "spec": {"size": 3}}
_RICH = {**_web(replicas=0, template=template(**RICH)), "metadata": {"name": "rich"}}

COMMANDS: tuple[tuple[str, Obj | None], ...] = (
    ("create namespace shop", None),
    ("get namespace shop", None),
    ("get ns shop -o name", None),
    ("create namespace shop", None),
    ("config view --minify -o jsonpath={.contexts[0].name}", None),
    ("apply -f -", _config(a="1")),
    ("apply -f -", _config(a="1")),
    ("apply -f -", _config(a="2", b="3")),
    ("diff -f -", _config(a="9")),
    ("apply --server-side -f -", _config(a="2")),
    ("apply --server-side -f -", _config(a="4")),
    ("apply --server-side --force-conflicts -f -", _config(a="4")),
    ("apply --server-side --dry-run=server -f -", _config(a="5")),
    ("apply --dry-run=client -f -", _config(a="5")),
    ("apply --validate=strict -f -", {**_config(a="5"), "nonsense": 1}),
    ("apply --validate=warn -f -", {**_config(a="4", b="3"), "nonsense": 1}),
    ("apply --validate=strict -f -", {**_config(), "data": {"a": 1}}),
    ("get configmap settings -o jsonpath={.data}", None),
    ("get configmap settings", None),
    ("get configmaps --field-selector metadata.name=settings", None),
    ("get cm,secret -l nothing=here", None),
    ("label configmap settings tier=front", None),
    ("label configmap settings tier=front", None),
    ("label configmap settings tier=back", None),
    ("label configmap settings tier=back --overwrite", None),
    ("annotate configmap settings note=hello", None),
    ("get configmap -l tier=back -o name", None),
    ("get configmap --show-labels settings", None),
    ("patch configmap settings -p {\"data\":{\"c\":\"1\"}}", None),
    ("patch configmap settings --type=json -p [{\"op\":\"remove\",\"path\":\"/data/c\"}]", None),
    ("patch configmap settings --type=merge -p {\"data\":[]}", None),
    ("describe configmap settings", None),
    ("create configmap made --from-literal=a=1", None),
    ("create secret generic hidden --from-literal=password=p", None),
    ("create secret generic hidden --from-literal=password=p", None),
    ("get secret hidden", None),
    ("describe secret hidden", None),
    ("create serviceaccount runner", None),
    ("create role reader --verb=get,list --resource=pods", None),
    ("create rolebinding reader --role=reader --serviceaccount=shop:runner", None),
    ("describe rolebinding reader", None),
    ("get role reader", None),
    ("get rolebinding reader", None),
    ("auth can-i get pods", None),
    ("auth can-i get pods --as=system:serviceaccount:shop:runner", None),
    ("auth whoami -o jsonpath={.status.userInfo.username}", None),
    ("apply -f -", _web()),
    ("rollout status deployment/web --timeout=60s", None),
    ("wait --for=condition=Available deployment/web --timeout=60s", None),
    ("wait --for=jsonpath={.status.readyReplicas}=1 deployment/web --timeout=60s", None),
    ("get deployment web", None),
    ("get deployments -o wide", None),
    ("get deploy web -o jsonpath={.status.readyReplicas}", None),
    ("get replicasets", None),
    ("get pods", None),
    ("get pods -l app=web -o jsonpath={.items[*].status.phase}", None),
    ("get pods -o wide", None),
    ("describe deployment web", None),
    ("rollout history deployment/web", None),
    ("set image deployment/web main=nginx:2", None),
    ("rollout status deployment/web --timeout=60s", None),
    ("rollout restart deployment/web", None),
    ("rollout status deployment/web --timeout=60s", None),
    ("rollout undo deployment/web", None),
    ("rollout status deployment/web --timeout=60s", None),
    ("rollout history deployment/web", None),
    ("scale deployment web --replicas=2", None),
    ("wait --for=jsonpath={.status.readyReplicas}=2 deployment/web --timeout=60s", None),
    ("get deployment web", None),
    ("scale deployment web --replicas=3 --current-replicas=1", None),
    ("delete pod -l app=web --wait=true", None),
    ("rollout status deployment/web --timeout=60s", None),
    ("apply -f -", _SERVICE),
    ("get service web", None),
    ("describe service web", None),
    ("apply -f -", _CLAIM),
    ("get pvc", None),
    ("apply -f -", _RICH),
    ("apply -f -", _RICH),
    ("apply --server-side -f -", _RICH),
    ("diff -f -", _RICH),
    ("get deployment rich", None),
    ("delete deployment rich", None),
    ("apply --server-side -f -", _WIDGETS),
    ("wait --for=condition=Established crd/widgets.battery.example.com --timeout=60s", None),
    ("get crd widgets.battery.example.com -o name", None),
    ("apply -f -", _WIDGET),
    ("apply -f -", {**_WIDGET, "spec": {"size": "three"}}),
    ("get widgets", None),
    ("get wi one -o jsonpath={.spec.size}", None),
    ("describe widget one", None),
    ("delete widget one", None),
    ("delete crd widgets.battery.example.com", None),
    ("get widgets", None),
    ("get all", None),
    ("get nonsense", None),
    ("get deployment none", None),
    ("delete deployment none", None),
    ("delete deployment none --ignore-not-found", None),
    ("api-resources --api-group=apps -o name", None),
    ("get --raw /readyz", None),
    ("delete deployment web --cascade=foreground", None),
    ("get pods", None),
    ("delete configmap settings made", None),
    ("delete namespace shop", None),
    ("get namespace shop", None),
)  # fmt: skip


def scenarios() -> Iterator[tuple[str, Scenario]]:
    """All commands, one after the other."""
    yield "kubectl", _commands


async def _commands(side: Side) -> None:
    program = find("kubectl").command
    seen: dict[str, int] = {}
    for command, document in COMMANDS:
        seen[command] = seen.get(command, 0) + 1
        name = command if seen[command] == 1 else f"{command} ({seen[command]})"
        done = await asyncio.to_thread(_run, side, program, command, document)
        said = [line for line in done.stderr.splitlines() if not _traced(line)]
        side.note(
            name,
            {
                "code": done.returncode,
                "prints": _steady(command, [_plain(line) for line in done.stdout.splitlines()]),
                "says": [_plain(line) for line in said],
                "requests": _telling(command, _requests(done.stderr)),
            },
        )


def _run(side: Side, program: list[str], command: str, document: Obj | None) -> subprocess.CompletedProcess[str]:
    full = [*program, "--kubeconfig", str(side.kubeconfig), "--namespace", "shop", "-v=6", *command.split(" ")]
    given = "" if document is None else json.dumps(document)
    cache = {
        "KUBECACHEDIR": str(side.kubeconfig.parent / "cache"),
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": "/nonexistent",
    }
    return subprocess.run(full, input=given, capture_output=True, text=True, timeout=120, check=False, env=cache)


def _traced(line: str) -> bool:
    return bool(re.match(r"[IWE]\d{4} ", line))


def _requests(text: str) -> list[str]:
    found = []
    for verb, url, status in _REQUEST.findall(text):
        path, _, query = unquote(url).partition("?")
        if not _DISCOVERY.fullmatch(path):
            kept = sorted(p for p in re.split("[&,]", query) if p and not p.startswith(_FLEETING))
            kept = sorted(words(p.removeprefix("fieldSelector=")) for p in kept)
            found.append(f"{verb} {_names(path)}{'?' if kept else ''}{_names('&'.join(kept))} {status}")
    return found


def _telling(command: str, requests: list[str]) -> list[str]:
    """The requests that do not depend on how fast something goes or comes: a wait looks as often as it has to."""
    if command.startswith(("delete", "rollout status", "wait")):
        return [r for r in requests if not r.startswith("GET")]
    return sorted(requests) if command == "get all" else requests


def _names(text: str) -> str:
    return _SET.sub(r"\1-<hash>", _POD.sub(r"\1-<pod>", text))


def _steady(command: str, lines: list[str]) -> list[str]:
    """Without what is only said while something is waited for, and without the order of what has none."""
    kept = [line for line in lines if not line.startswith("Waiting for")]
    if command.startswith("describe"):
        return sorted(kept)
    sets = iter(sorted(line for line in kept if line.startswith("replicaset.apps/")))
    return [next(sets) if line.startswith("replicaset.apps/") else line for line in kept]


def _plain(line: str) -> str:
    """A line without ages, names that are made up, identities and the widths of columns."""
    for pattern, word in _MADE_UP:
        line = pattern.sub(word, line)
    line = _VERSION.sub(r"\1\2\3<…>", words(line))
    return _SPACES.sub(" ", _AGE.sub("<age>", _names(line))).strip()
