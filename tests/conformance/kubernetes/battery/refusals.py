"""What is refused: values that are wrong, fields that must not change, pods that admission does not let in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.conformance.kubernetes.battery.lives import namespace
from tests.conformance.kubernetes.battery.samples import BY_KIND, RICH, Obj, container, template
from tests.conformance.kubernetes.side import APPLY, MERGE, STRATEGIC, Scenario, Side

POD = BY_KIND["Pod"]


def scenarios() -> Iterator[tuple[str, Scenario]]:
    """One scenario a concern."""
    yield "what must not change", _immutable
    yield "values that are wrong", _values
    yield "pods that PodSecurity refuses", _security
    yield "bodies that are none", _bodies
    yield "namespaces", _namespaces


def _deployment(name: str, **spec: Any) -> Obj:
    body = {"selector": {"matchLabels": {"app": "web"}}, "replicas": 0, "template": template(), **spec}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": body}


async def _immutable(side: Side) -> None:
    home = await namespace(side, "immutable")
    for number, (kind, change) in enumerate(_CHANGES):
        sample = BY_KIND[kind]
        one = f"{sample.path(home)}/fixed-{number}"
        name = one.rpartition("/")[2]
        await side.tell("POST", sample.path(home), {**sample.object(name)})
        shown = f"{number}: {','.join(change)} of a {kind}"
        await side.ask(f"{shown}, merged", "PATCH", one, change, content=MERGE)
        applied = {"apiVersion": sample.api_version, "kind": kind, "metadata": {"name": name}, **change}
        await side.ask(f"{shown}, applied", "PATCH", one, applied, content=APPLY, fieldManager="a", force="true")
        await side.tell("DELETE", one)
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "kept"}, "immutable": True, "data": {"a": "1"}}
    path = f"/api/v1/namespaces/{home}/configmaps"
    await side.tell("POST", path, config)
    await side.ask("the data of an immutable ConfigMap", "PATCH", f"{path}/kept", {"data": {"a": "2"}}, content=MERGE)
    await side.ask("an immutable ConfigMap made mutable", "PATCH", f"{path}/kept", {"immutable": False}, content=MERGE)


_CHANGES: tuple[tuple[str, Obj], ...] = (
    ("Deployment", {"spec": {"selector": {"matchLabels": {"app": "other"}}}}),
    (
        "Deployment",
        {
            "spec": {
                "selector": {"matchLabels": {"app": "web", "more": "1"}},
                "template": {"metadata": {"labels": {"app": "web", "more": "1"}}},
            }
        },
    ),
    (
        "ReplicaSet",
        {
            "spec": {
                "selector": {"matchLabels": {"app": "web", "more": "1"}},
                "template": {"metadata": {"labels": {"more": "1"}}},
            }
        },
    ),
    ("StatefulSet", {"spec": {"serviceName": "other"}}),
    ("RoleBinding", {"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit"}}),
    ("ClusterRoleBinding", {"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit"}}),
    ("StorageClass", {"parameters": {"type": "pd-standard"}}),
    ("StorageClass", {"provisioner": "other.example.com"}),
    ("PriorityClass", {"value": 5}),
    ("Secret", {"type": "kubernetes.io/tls"}),
    ("PersistentVolumeClaim", {"spec": {"accessModes": ["ReadWriteMany"]}}),
    ("PersistentVolumeClaim", {"spec": {"storageClassName": "other"}}),
    ("PersistentVolumeClaim", {"spec": {"resources": {"requests": {"storage": "10Gi"}}}}),
    ("PersistentVolumeClaim", {"spec": {"resources": {"requests": {"storage": "30Gi"}}}}),
    ("Pod", {"spec": {"containers": [{"name": "main", "image": "nginx:2", "command": ["x"]}]}}),
    ("Pod", {"spec": {"nodeName": "somewhere"}}),
    ("Service", {"spec": {"clusterIP": "10.8.0.99"}}),
    ("Job", {"spec": {"template": template("other", restartPolicy="Never")}}),
)


def _with(**more: Any) -> Obj:
    return template(containers=[container(**more)])


_WRONG: tuple[tuple[str, str, Obj], ...] = (
    ("Deployment", "the selector matches no label", {"selector": {"matchLabels": {"app": "other"}}}),
    ("Deployment", "no selector", {"selector": None}),
    ("Deployment", "no template", {"template": None}),
    ("Deployment", "no container", {"template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": []}}}),
    ("Deployment", "fewer than no replicas", {"replicas": -1}),
    ("Deployment", "a strategy that is none", {"strategy": {"type": "Sideways"}}),
    ("Deployment", "a restart policy of pods alone", {"template": template(restartPolicy="Never")}),
    ("Deployment", "an image policy that is none", {"template": _with(imagePullPolicy="Sometimes")}),
    ("Deployment", "no image", {"template": template(containers=[{"name": "main"}])}),
    ("Deployment", "no name of a container", {"template": template(containers=[{"image": "nginx"}])}),
    ("Deployment", "the same name of two containers", {"template": template(containers=[container(), container()])}),
    ("Deployment", "a name of a container in capitals", {"template": _with(name="Main")}),
    ("Deployment", "a mount without its volume", {"template": _with(volumeMounts=[{"name": "v", "mountPath": "/v"}])}),
    ("Deployment", "a mount without a path", {"template": _with(volumeMounts=[{"name": "v"}])}),
    (
        "Deployment",
        "two handlers of a probe",
        {"template": _with(livenessProbe={"exec": {"command": ["a"]}, "tcpSocket": {"port": 1}})},
    ),
    ("Deployment", "no handler of a probe", {"template": _with(livenessProbe={"periodSeconds": 5})}),
    (
        "Deployment",
        "a hook with two handlers",
        {"template": _with(lifecycle={"preStop": {"exec": {"command": ["a"]}, "sleep": {"seconds": 1}}})},
    ),
    ("Deployment", "a hook with none", {"template": _with(lifecycle={"preStop": {}})}),
    (
        "Deployment",
        "a value and its source",
        {"template": _with(env=[{"name": "A", "value": "1", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}])},
    ),
    ("Deployment", "a variable without a name", {"template": _with(env=[{"value": "1"}])}),
    (
        "Deployment",
        "a field that pods do not have",
        {"template": _with(env=[{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "spec.nonsense"}}}])},
    ),
    ("Deployment", "a source that names nothing", {"template": _with(env=[{"name": "A", "valueFrom": {}}])}),
    ("Deployment", "a quantity that is none", {"template": _with(resources={"requests": {"cpu": "much"}})}),
    (
        "Deployment",
        "a request above its limit",
        {"template": _with(resources={"requests": {"cpu": "2"}, "limits": {"cpu": "1"}})},
    ),
    ("Deployment", "a port that is none", {"template": _with(ports=[{"containerPort": 70000}])}),
    ("Deployment", "a protocol that is none", {"template": _with(ports=[{"containerPort": 80, "protocol": "HTTP"}])}),
    (
        "Deployment",
        "a volume with two sources",
        {"template": template(volumes=[{"name": "v", "emptyDir": {}, "configMap": {"name": "c"}}])},
    ),
    ("Deployment", "a volume twice", {"template": template(volumes=[{"name": "v"}, {"name": "v"}])}),
    ("Deployment", "a budget of no time", {"progressDeadlineSeconds": 0}),
    ("Service", "no port", {"ports": []}),
    ("Service", "two ports without names", {"ports": [{"port": 80}, {"port": 81}]}),
    ("Service", "the same port twice", {"ports": [{"port": 80, "name": "a"}, {"port": 80, "name": "b"}]}),
    ("Service", "a type that is none", {"type": "Sideways"}),
    ("Service", "a port that is none", {"ports": [{"port": 0}]}),
    ("Service", "a target in words that is none", {"ports": [{"port": 80, "targetPort": "Not A Port"}]}),
    ("Service", "an address outside of the range", {"clusterIP": "10.99.0.1"}),
    ("PersistentVolumeClaim", "no access mode", {"accessModes": []}),
    ("PersistentVolumeClaim", "no size", {"resources": {}}),
    ("PersistentVolumeClaim", "a mode that is none", {"accessModes": ["Sometimes"]}),
    ("NetworkPolicy", "a policy type that is none", {"policyTypes": ["Sideways"]}),
    ("Job", "a restart policy of workloads", {"template": template()}),
    ("PodDisruptionBudget", "both of two that exclude each other", {"minAvailable": 1, "maxUnavailable": 1}),
)


async def _values(side: Side) -> None:
    home = await namespace(side, "values")
    for kind, what, change in _WRONG:
        sample = BY_KIND[kind]
        obj = sample.object("wrong")
        spec = {k: v for k, v in {**sample.body["spec"], **change}.items() if v is not None}
        body = {**obj, "spec": spec}
        await side.ask(f"{kind}: {what}", "POST", sample.path(home), body)
        one = f"{sample.path(home)}/wrong"
        await side.ask(
            f"{kind}: {what}, applied", "PATCH", one, body, content=APPLY, fieldManager="a", fieldValidation="Strict"
        )
        await side.tell("DELETE", one)
    await _other_values(side, home)


async def _other_values(side: Side, home: str) -> None:
    for kind, what, change in (
        ("ConfigMap", "a key that is none", {"data": {"a b": "1"}}),
        ("ConfigMap", "a key of both kinds", {"data": {"a": "1"}, "binaryData": {"a": "MQ=="}}),
        ("ConfigMap", "more than a mebibyte", {"data": {"a": "x" * (1 << 20)}}),
        ("Secret", "a key that is none", {"stringData": {"a b": "1"}}),
        ("Secret", "a value that is no base64", {"data": {"a": "?"}}),
        ("Secret", "a type that wants a key", {"type": "kubernetes.io/tls"}),
        ("Role", "no verb", {"rules": [{"apiGroups": [""], "resources": ["pods"]}]}),
        ("Role", "no resource", {"rules": [{"apiGroups": [""], "verbs": ["get"]}]}),
        ("Role", "no group", {"rules": [{"resources": ["pods"], "verbs": ["get"]}]}),
        ("RoleBinding", "a subject that is none", {"subjects": [{"kind": "Robot", "name": "r"}]}),
        ("RoleBinding", "no role", {"roleRef": None}),
        (
            "RoleBinding",
            "a role of another kind",
            {"roleRef": {"kind": "Robot", "name": "r", "apiGroup": "rbac.authorization.k8s.io"}},
        ),
        ("RoleBinding", "a subject without its namespace", {"subjects": [{"kind": "ServiceAccount", "name": "r"}]}),
        ("ClusterRoleBinding", "a subject without its namespace", {"subjects": [{"kind": "ServiceAccount", "name": "r"}]}),
        ("PriorityClass", "a value of the system's", {"value": 2_000_000_000}),
        ("StorageClass", "a binding mode that is none", {"volumeBindingMode": "Sideways"}),
        ("StorageClass", "no provisioner", {"provisioner": None}),
        ("Pod", "a priority class that is not there", {"spec": {"containers": [container()], "priorityClassName": "none"}}),
        ("Pod", "an account that is not there", {"spec": {"containers": [container()], "serviceAccountName": "none"}}),
    ):
        sample = BY_KIND[kind]
        body = {k: v for k, v in {**sample.object("wrong"), **change}.items() if v is not None}
        await side.ask(f"{kind}: {what}", "POST", sample.path(home), body)
        await side.tell("DELETE", f"{sample.path(home)}/wrong")
    for what, notes in (("many", {"a": "x" * 262_200}), ("no strings", {"a": 1}), ("a wrong key", {"a b": "1"})):
        body = {"metadata": {"name": "wrong", "annotations": notes}}
        await side.ask(f"annotations: {what}", "POST", f"/api/v1/namespaces/{home}/configmaps", body)
    for what, labels in (("a wrong key", {"a b": "1"}), ("a long value", {"a": "x" * 64}), ("no string", {"a": True})):
        body = {"metadata": {"name": "wrong", "labels": labels}}
        await side.ask(f"labels: {what}", "POST", f"/api/v1/namespaces/{home}/configmaps", body)


_POLICY = "pod-security.kubernetes.io"
_PODS: tuple[tuple[str, Obj], ...] = (
    ("plain", {"containers": [container()]}),
    ("hostNetwork", {"containers": [container()], "hostNetwork": True}),
    ("hostNetwork and hostPID", {"containers": [container()], "hostNetwork": True, "hostPID": True}),
    ("a hostPath", {"containers": [container()], "volumes": [{"name": "v", "hostPath": {"path": "/"}}]}),
    ("privileged", {"containers": [container(securityContext={"privileged": True})]}),
    ("a capability", {"containers": [container(securityContext={"capabilities": {"add": ["NET_ADMIN"]}})]}),
    ("a hostPort", {"containers": [container(ports=[{"containerPort": 80, "hostPort": 80}])]}),
    (
        "two of them",
        {
            "containers": [
                container(securityContext={"privileged": True}),
                container(name="b", securityContext={"privileged": True}),
            ]
        },
    ),
    ("rich", RICH),
    ("unconfined", {"containers": [container()], "securityContext": {"seccompProfile": {"type": "Unconfined"}}}),
)


async def _security(side: Side) -> None:
    for level in ("baseline", "restricted"):
        home = f"security-{level}"
        await side.ask(
            f"a namespace that enforces {level}",
            "POST",
            "/api/v1/namespaces",
            {"metadata": {"name": home, "labels": {f"{_POLICY}/enforce": level}}},
        )
        for account in ("default", "runner"):
            await side.tell("POST", f"/api/v1/namespaces/{home}/serviceaccounts", {"metadata": {"name": account}})
        for what, spec in _PODS:
            body = {"metadata": {"name": "pod"}, "spec": spec}
            await side.ask(f"{level}: {what}", "POST", f"/api/v1/namespaces/{home}/pods", body, dryRun="All")
            deployed = _deployment("web", template={"metadata": {"labels": {"app": "web"}}, "spec": spec})
            await side.ask(
                f"{level}: {what}, as a Deployment",
                "POST",
                f"/apis/apps/v1/namespaces/{home}/deployments",
                deployed,
                dryRun="All",
            )
    warned = {"metadata": {"name": "security-warned", "labels": {f"{_POLICY}/warn": "restricted"}}}
    await side.ask("a namespace that warns", "POST", "/api/v1/namespaces", warned)
    await side.tell("POST", "/api/v1/namespaces/security-warned/serviceaccounts", {"metadata": {"name": "default"}})
    body = {"metadata": {"name": "pod"}, "spec": {"containers": [container()]}}
    await side.ask("warned of a pod", "POST", "/api/v1/namespaces/security-warned/pods", body, dryRun="All")
    wrong = {"metadata": {"name": "security-wrong", "labels": {f"{_POLICY}/enforce": "nonsense"}}}
    await side.ask("a level that is none", "POST", "/api/v1/namespaces", wrong)


async def _bodies(side: Side) -> None:
    home = await namespace(side, "bodies")
    path = f"/api/v1/namespaces/{home}/configmaps"
    await side.tell("POST", path, {"metadata": {"name": "one"}})
    await side.ask("no JSON", "POST", path, "{")
    await side.ask("a list", "POST", path, "[]")
    await side.ask("nothing", "POST", path, "")
    await side.ask("a patch of a type that is none", "PATCH", f"{path}/one", "{}", content="text/plain")
    await side.ask("a merge that is no JSON", "PATCH", f"{path}/one", "{", content=MERGE)
    await side.ask("a strategic merge that is a list", "PATCH", f"{path}/one", [], content=STRATEGIC)
    await side.ask("an apply that is no YAML", "PATCH", f"{path}/one", "a: [", content=APPLY, fieldManager="a")
    await side.ask("an apply of nothing", "PATCH", f"{path}/one", "{}", content=APPLY, fieldManager="a")
    await side.ask(
        "an apply without a manager", "PATCH", f"{path}/one", {"apiVersion": "v1", "kind": "ConfigMap"}, content=APPLY
    )
    await side.ask(
        "an apply in YAML",
        "PATCH",
        f"{path}/one",
        "apiVersion: v1\nkind: ConfigMap\ndata:\n  a: '1'\n",
        content=APPLY,
        fieldManager="a",
    )
    await side.ask("a validation that is none", "POST", path, {"metadata": {"name": "two"}}, fieldValidation="Sometimes")
    await side.ask("a dry run that is none", "POST", path, {"metadata": {"name": "two"}}, dryRun="Some")
    twice = '{"metadata": {"name": "two"}, "data": {"a": "1", "a": "2"}}'
    await side.ask("a field twice", "POST", path, twice, fieldValidation="Strict", dryRun="All")
    await side.ask("a field twice, with a warning", "POST", path, twice, dryRun="All")


async def _namespaces(side: Side) -> None:
    made = {"metadata": {"name": "spaces", "labels": {"a": "b"}}}
    await side.ask("made", "POST", "/api/v1/namespaces", made)
    await side.ask(
        "an object of another namespace",
        "POST",
        "/api/v1/namespaces/spaces/configmaps",
        {"metadata": {"name": "a", "namespace": "other"}},
    )
    await side.ask(
        "an object in a namespace that is not there",
        "POST",
        "/api/v1/namespaces/none/configmaps",
        {"metadata": {"name": "a"}},
    )
    applied = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}
    await side.ask(
        "applied in a namespace that is not there",
        "PATCH",
        "/api/v1/namespaces/none/configmaps/a",
        applied,
        content=APPLY,
        fieldManager="a",
    )
    await side.ask("a list in a namespace that is not there", "GET", "/api/v1/namespaces/none/configmaps")
    await side.ask("a namespace of the cluster's deleted", "DELETE", "/api/v1/namespaces/default")
    await side.ask("an object of no namespace", "POST", "/api/v1/configmaps", {"metadata": {"name": "a"}})
    await side.ask("deleted", "DELETE", "/api/v1/namespaces/spaces")
    await side.ask("read while it goes", "GET", "/api/v1/namespaces/spaces")
    await side.ask("deleted again", "DELETE", "/api/v1/namespaces/spaces")
    await side.ask("an object while it goes", "POST", "/api/v1/namespaces/spaces/configmaps", {"metadata": {"name": "a"}})
    await side.ask(
        "applied while it goes", "PATCH", "/api/v1/namespaces/spaces/configmaps/a", applied, content=APPLY, fieldManager="a"
    )
    await side.ask("made again while it goes", "POST", "/api/v1/namespaces", made)
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "spaces", "labels": {"a": "c"}}}
    await side.ask(
        "applied itself while it goes", "PATCH", "/api/v1/namespaces/spaces", namespace, content=APPLY, fieldManager="a"
    )
