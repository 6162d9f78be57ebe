"""Server-side apply: who owns what, conflicts and how they are settled, lists by their keys, and what a manager lets go."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from functools import partial

from tests.conformance.kubernetes.battery.lives import namespace
from tests.conformance.kubernetes.battery.samples import (
    BY_KIND,
    RICH,
    RICH_DEPLOYMENT,
    SAMPLES,
    Obj,
    Sample,
    container,
    template,
)
from tests.conformance.kubernetes.side import MERGE, Scenario, Side


def scenarios() -> Iterator[tuple[str, Scenario]]:
    """Scenarios of owning, and one of two managers for each kind."""
    yield "conflicts", _conflicts
    yield "equal values of two managers", _equal
    yield "lists by their keys", _lists
    yield "what is let go", _let_go
    yield "secrets applied", _secrets
    yield "apply's options", _options
    for sample in (*SAMPLES, RICH_DEPLOYMENT):
        yield f"two managers of a {'rich ' if sample is RICH_DEPLOYMENT else ''}{sample.kind}", partial(_two, sample)


def _deployment(spec: Obj, name: str = "web") -> Obj:
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}


def _spec(**more: object) -> Obj:
    return {"selector": {"matchLabels": {"app": "web"}}, "replicas": 0, "template": template(), **more}


async def _two(sample: Sample, side: Side) -> None:
    """The same object applied by one manager, then by another, then changed by a third: the truth of every list's keys."""
    rich = len(str(sample.body)) > 800
    home = await namespace(side, f"two-{sample.plural}-{rich}".lower())
    one = f"{sample.path(home)}/two"
    obj = sample.object("two")
    await side.apply("applied", one, obj, "one")
    await side.apply("applied by another", one, obj, "two")
    changed = {**obj, "metadata": {"name": "two", "labels": {"a": "b"}, "annotations": {"c": "d"}}}
    await side.apply("labelled by a third", one, changed, "three", force="true")
    await side.apply("let go by the third", one, {k: obj[k] for k in ("apiVersion", "kind", "metadata")}, "three")
    await side.apply("let go by the first", one, {k: obj[k] for k in ("apiVersion", "kind", "metadata")}, "one")
    await side.tell("DELETE", one, {"gracePeriodSeconds": 0})


async def _conflicts(side: Side) -> None:
    home = await namespace(side, "conflicts")
    one = f"/apis/apps/v1/namespaces/{home}/deployments/web"
    await side.apply("made", one, _deployment(_spec(replicas=0)), "one")
    more = _deployment(_spec(replicas=2, template={**template(), "spec": {"containers": [container(image="nginx:2")]}}))
    await side.apply("two fields of one manager", one, more, "two")
    await side.apply("two fields by force", one, more, "two", force="true")
    await side.apply("taken back", one, _deployment(_spec(replicas=0)), "one")
    await side.ask(
        "scaled by an update", "PATCH", one, {"spec": {"replicas": 0}}, content=MERGE, fieldManager="kubectl-scale"
    )
    await side.apply("a field of an updater", one, more, "two")
    await side.apply("fields of three", one, _deployment(_spec(replicas=5)), "three")
    await side.apply(
        "fields of three, as a dry run by force", one, _deployment(_spec(replicas=5)), "three", force="true", dryRun="All"
    )
    await side.ask("what is left of it", "GET", one)
    await side.apply(
        "a label of nobody's", one, {**_deployment({}), "metadata": {"name": "web", "labels": {"a": "1"}}}, "four"
    )
    await side.apply(
        "a label of another's", one, {**_deployment({}), "metadata": {"name": "web", "labels": {"a": "2"}}}, "five"
    )


async def _equal(side: Side) -> None:
    home = await namespace(side, "equal")
    one = f"/apis/apps/v1/namespaces/{home}/deployments/web"
    spec = _spec(template=template(**RICH))
    await side.apply("made", one, _deployment(spec), "one")
    await side.apply("the same by another", one, _deployment(spec), "two")
    await side.ask("the same by an update", "PATCH", one, {"spec": spec}, content=MERGE, fieldManager="three")
    await side.apply("the same once more", one, _deployment(spec), "one")
    sources = (
        {"fieldRef": {"fieldPath": "metadata.namespace"}},
        {"fieldRef": {"fieldPath": "metadata.namespace", "apiVersion": "v1"}},
        {"fieldRef": {"fieldPath": "metadata.name"}},
        {"secretKeyRef": {"name": "s", "key": "k"}},
        {"secretKeyRef": {"name": "s", "key": "other"}},
        {"configMapKeyRef": {"name": "c", "key": "k", "optional": True}},
        {"resourceFieldRef": {"resource": "limits.cpu"}},
    )
    for first in sources[:3]:
        for n, second in enumerate(sources):
            name = f"source-{sources.index(first)}-{n}"
            path = f"/apis/apps/v1/namespaces/{home}/deployments/{name}"
            specs = [
                _spec(template=template(containers=[container(env=[{"name": "A", "valueFrom": s}])]))
                for s in (first, second)
            ]
            await side.apply(f"{name}: made", path, _deployment(specs[0], name), "one")
            await side.apply(f"{name}: by another", path, _deployment(specs[1], name), "two")
            await side.tell("DELETE", path)
    for n, (first, second) in enumerate(
        (
            ({"resources": {"requests": {"cpu": "0.5"}}}, {"resources": {"requests": {"cpu": "500m"}}}),
            ({"resources": {"limits": {"memory": "1Gi"}}}, {"resources": {"limits": {"memory": "1024Mi"}}}),
            ({"ports": [{"containerPort": 80}]}, {"ports": [{"containerPort": 80, "protocol": "TCP"}]}),
            ({"args": ["a", "b"]}, {"args": ["a"]}),
            ({"imagePullPolicy": "IfNotPresent"}, {"imagePullPolicy": "Always"}),
            ({"livenessProbe": {"httpGet": {"port": 80}}}, {"livenessProbe": {"httpGet": {"port": 80, "path": "/"}}}),
            (
                {"securityContext": {"capabilities": {"drop": ["ALL"]}}},
                {"securityContext": {"capabilities": {"drop": ["ALL", "X"]}}},
            ),
            ({"env": [{"name": "A", "value": "1"}]}, {"env": [{"name": "B", "value": "1"}]}),
            ({"env": [{"name": "A", "value": ""}]}, {"env": [{"name": "A"}]}),
            ({"envFrom": [{"configMapRef": {"name": "a"}}]}, {"envFrom": [{"configMapRef": {"name": "b"}}]}),
        )
    ):
        name = f"values-{n}"
        path = f"/apis/apps/v1/namespaces/{home}/deployments/{name}"
        specs = [_spec(template=template(containers=[container(**c)])) for c in (first, second)]
        await side.apply(f"{name}: made", path, _deployment(specs[0], name), "one")
        await side.apply(f"{name}: by another", path, _deployment(specs[1], name), "two")
        await side.apply(f"{name}: by force", path, _deployment(specs[1], name), "two", force="true")
        await side.tell("DELETE", path)


async def _lists(side: Side) -> None:
    home = await namespace(side, "lists")
    one = f"/apis/apps/v1/namespaces/{home}/deployments/web"
    await side.apply("made", one, _deployment(_spec(template=template(**RICH))), "one")
    added = _spec(template=template(containers=[container(name="side"), container(env=[{"name": "MORE", "value": "1"}])]))
    del added["replicas"]
    await side.apply("a container and a variable added", one, _deployment(added), "two")
    fewer = deepcopy(RICH)
    fewer["containers"][0]["env"] = fewer["containers"][0]["env"][:1]
    fewer["containers"][0]["ports"] = fewer["containers"][0]["ports"][1:]
    fewer["volumes"] = fewer["volumes"][:2]
    del fewer["initContainers"]
    await side.apply("fewer of everything", one, _deployment(_spec(template=template(**fewer))), "one")
    await side.apply(
        "in another order", one, _deployment(_spec(template=template(**{**fewer, "volumes": fewer["volumes"][::-1]}))), "one"
    )
    await side.apply("the second lets go", one, _deployment({}), "two")
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web"},
        "spec": {"selector": {"app": "a"}, "ports": [{"port": 80, "name": "a"}]},
    }
    path = f"/api/v1/namespaces/{home}/services/web"
    await side.apply("a Service", path, service, "one")
    service["spec"] = {"ports": [{"port": 81, "name": "b"}]}
    await side.apply("a port of another's", path, service, "two")
    service["spec"] = {"selector": {"app": "b"}}
    await side.apply("a selector of another's", path, service, "two")
    twice = _spec(template=template(containers=[container(env=[{"name": "A", "value": "1"}, {"name": "A", "value": "2"}])]))
    await side.apply("the same key twice", f"{one}-twice", _deployment(twice, "web-twice"), "one")
    keyless = _spec(template=template(containers=[container(ports=[{"name": "http"}])]))
    await side.apply("no key", f"{one}-keyless", _deployment(keyless, "web-keyless"), "one")


async def _let_go(side: Side) -> None:
    home = await namespace(side, "let-go")
    one = f"/api/v1/namespaces/{home}/configmaps/c"

    def config(**data: str) -> Obj:
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, **({"data": data} if data else {})}

    await side.apply("made", one, config(a="1", b="2"), "one")
    await side.apply("shared", one, config(a="1", c="3"), "two")
    await side.apply("one of one's own gone", one, config(a="1"), "one")
    await side.apply("a shared one let go", one, config(b="9"), "one")
    await side.apply("all let go", one, config(), "one")
    await side.apply("all let go by all", one, config(), "two")
    await side.ask("an update by the first", "PATCH", one, {"data": {"a": "1"}}, content=MERGE, fieldManager="one")
    await side.apply("applied by whom it was updated", one, config(a="2"), "one")
    await side.ask("emptied", "PATCH", one, {"metadata": {"managedFields": [{}]}}, content=MERGE)
    await side.apply("applied after that", one, config(a="3"), "one")
    await side.apply(
        "with managed fields", one, {**config(a="3"), "metadata": {"name": "c", "managedFields": [{"manager": "x"}]}}, "one"
    )
    await side.apply("with a null", one, {**config(a="3"), "immutable": None}, "one")
    await side.apply("with an empty map", one, {**config(a="3"), "binaryData": {}}, "one")


async def _secrets(side: Side) -> None:
    home = await namespace(side, "secrets")
    one = f"/api/v1/namespaces/{home}/secrets/s"

    def secret(**body: Obj) -> Obj:
        return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "type": "Opaque", **body}

    await side.apply("as text", one, secret(stringData={"a": "1"}), "one")
    await side.apply("as text again", one, secret(stringData={"a": "1"}), "one")
    await side.apply("as data", one, secret(data={"a": "MQ=="}), "two")
    await side.apply("as other data", one, secret(data={"a": "Mg=="}), "two", force="true")
    await side.apply("as no base64", one, secret(data={"a": "?"}), "two", force="true")


async def _options(side: Side) -> None:
    home = await namespace(side, "options")
    one = f"/api/v1/namespaces/{home}/configmaps/c"
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": "1"}}
    await side.apply("made as a dry run", one, body, dryRun="All")
    await side.ask("it is not there", "GET", one)
    await side.apply("another name than the path's", one, {**body, "metadata": {"name": "d"}})
    await side.apply("another namespace than the path's", one, {**body, "metadata": {"name": "c", "namespace": "d"}})
    await side.apply("no kind", one, {k: v for k, v in body.items() if k != "kind"})
    await side.apply("another kind", one, {**body, "kind": "Secret"})
    await side.apply(
        "a uid of nobody's", one, {**body, "metadata": {"name": "c", "uid": "00000000-0000-0000-0000-000000000000"}}
    )
    await side.apply("a long manager", one, body, "m" * 129)
    await side.apply("made", one, body)
    await side.apply(
        "a version that is old", one, {**body, "data": {"a": "2"}, "metadata": {"name": "c", "resourceVersion": "1"}}
    )
    for mode in ("Strict", "Warn", "Ignore"):
        await side.apply(f"unknown fields, {mode}", one, {**body, "nonsense": 1}, fieldValidation=mode)
        deep = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "d"},
            "spec": {"template": {"spec": {"containers": [container(nonsense=1)]}}},
        }
        await side.apply(
            f"a deep unknown field, {mode}", f"/apis/apps/v1/namespaces/{home}/deployments/d", deep, fieldValidation=mode
        )
    sample = BY_KIND["Deployment"]
    one = f"{sample.path(home)}/status"
    await side.apply("a status with it", one, {**sample.object("status"), "status": {"replicas": 5}})
    await side.apply(
        "a status alone",
        f"{one}/status",
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "status"}, "status": {"replicas": 3}},
        "s",
    )
    await side.ask(
        "a status by a merge",
        "PATCH",
        f"{one}/status",
        {"status": {"readyReplicas": 2}, "spec": {"replicas": 7}},
        content=MERGE,
    )
    await side.ask("what it is then", "GET", one)
    await side.ask("its scale", "GET", f"{one}/scale")
    await side.ask("its scale changed", "PATCH", f"{one}/scale", {"spec": {"replicas": 4}}, content=MERGE)
    await side.ask("what it is scaled to", "GET", one)
