"""An object of each kind that an installation makes, reads or could meet, with what its users most often write in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Obj = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Sample:
    """An object, where its kind lives, and changes that are refused or not."""

    api_version: str
    kind: str
    plural: str
    body: Obj
    namespaced: bool = True
    wrong: Obj = field(default_factory=dict)
    """What makes it mistyped: laid over the object's top."""

    def path(self, namespace: str) -> str:
        """The collection's path."""
        root = f"/apis/{self.api_version}" if "/" in self.api_version else f"/api/{self.api_version}"
        return f"{root}/namespaces/{namespace}/{self.plural}" if self.namespaced else f"{root}/{self.plural}"

    def object(self, name: str) -> Obj:
        """The object under a name."""
        return {"apiVersion": self.api_version, "kind": self.kind, "metadata": {"name": name}, **self.body}


def container(**more: Any) -> Obj:
    """A container."""
    return {"name": "main", "image": "nginx:1", **more}


def template(app: str = "web", **spec: Any) -> Obj:
    """A pod's template."""
    return {"metadata": {"labels": {"app": app}}, "spec": {"containers": [container()], **spec}}


RICH = {
    "serviceAccountName": "runner",
    "initContainers": [container(name="before", image="busybox", command=["true"])],
    "containers": [
        container(
            args=["--port=8080"],
            env=[
                {"name": "PLAIN", "value": "1"},
                {"name": "POD_NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
                {"name": "SECRET", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
                {"name": "SETTING", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k", "optional": True}}},
            ],
            ports=[{"containerPort": 8080, "name": "http"}, {"containerPort": 9090}],
            resources={"requests": {"cpu": "0.5", "memory": "512Mi"}, "limits": {"cpu": "1000m"}},
            livenessProbe={"httpGet": {"path": "/healthz", "port": 8080}},
            readinessProbe={"tcpSocket": {"port": "http"}, "initialDelaySeconds": 3},
            startupProbe={"exec": {"command": ["true"]}, "failureThreshold": 90},
            volumeMounts=[{"name": "config", "mountPath": "/config"}, {"name": "data", "mountPath": "/data"}],
            securityContext={"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        )
    ],
    "volumes": [
        {"name": "config", "configMap": {"name": "c", "items": [{"key": "k", "path": "k"}]}},
        {"name": "data", "persistentVolumeClaim": {"claimName": "data"}},
        {"name": "scratch", "emptyDir": {}},
        {"name": "secret", "secret": {"secretName": "s"}},
    ],
}

_SELECTED = {"selector": {"matchLabels": {"app": "web"}}}
_DEPLOYMENT = {"spec": {**_SELECTED, "replicas": 0, "template": template()}}
_RICH_DEPLOYMENT = {"spec": {**_SELECTED, "replicas": 0, "template": template(**RICH)}}
_RULES = [{"apiGroups": [""], "resources": ["pods", "pods/log"], "verbs": ["get", "list", "watch"]}]
_GROUP = "rbac.authorization.k8s.io"
_ROLE = {"apiGroup": _GROUP, "kind": "ClusterRole", "name": "view"}
_ACCOUNT = {"kind": "ServiceAccount", "name": "runner", "namespace": "default"}

SAMPLES = (
    Sample("v1", "ConfigMap", "configmaps", {"data": {"a": "1", "b": "two"}}, wrong={"data": {"a": 1}}),
    Sample("v1", "Secret", "secrets", {"stringData": {"password": "p"}, "type": "Opaque"}, wrong={"stringData": {"a": 1}}),
    Sample("v1", "ServiceAccount", "serviceaccounts", {"automountServiceAccountToken": False}, wrong={"secrets": "s"}),
    Sample(
        "v1",
        "Service",
        "services",
        {"spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "name": "http"}]}},
        wrong={"spec": {"ports": [{"port": "eighty"}]}},
    ),
    Sample(
        "v1",
        "PersistentVolumeClaim",
        "persistentvolumeclaims",
        {"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "20Gi"}}}},
        wrong={"spec": {"accessModes": "ReadWriteOnce"}},
    ),
    Sample("v1", "Pod", "pods", {"spec": {"containers": [container()]}}, wrong={"spec": {"containers": {}}}),
    Sample("v1", "Namespace", "namespaces", {}, False, wrong={"spec": []}),
    Sample("v1", "ResourceQuota", "resourcequotas", {"spec": {"hard": {"pods": "10"}}}, wrong={"spec": {"hard": []}}),
    Sample(
        "v1",
        "LimitRange",
        "limitranges",
        {"spec": {"limits": [{"type": "Container", "default": {"cpu": "1"}}]}},
        wrong={"spec": {"limits": {}}},
    ),
    Sample("apps/v1", "Deployment", "deployments", _DEPLOYMENT, wrong={"spec": {"replicas": "two"}}),
    Sample("apps/v1", "ReplicaSet", "replicasets", _DEPLOYMENT, wrong={"spec": {"replicas": "two"}}),
    Sample(
        "apps/v1",
        "StatefulSet",
        "statefulsets",
        {"spec": {**_DEPLOYMENT["spec"], "serviceName": "web"}},
        wrong={"spec": {"replicas": "two"}},
    ),
    Sample(
        "apps/v1",
        "DaemonSet",
        "daemonsets",
        {"spec": {**_SELECTED, "template": template()}},
        wrong={"spec": {"minReadySeconds": "two"}},
    ),
    Sample(
        "batch/v1",
        "Job",
        "jobs",
        {"spec": {"suspend": True, "template": template(restartPolicy="Never")}},
        wrong={"spec": {"parallelism": "two"}},
    ),
    Sample(
        "batch/v1",
        "CronJob",
        "cronjobs",
        {"spec": {"schedule": "0 * * * *", "jobTemplate": {"spec": {"template": template(restartPolicy="Never")}}}},
        wrong={"spec": {"schedule": 5}},
    ),
    Sample(_GROUP + "/v1", "Role", "roles", {"rules": _RULES}, wrong={"rules": {}}),
    Sample(_GROUP + "/v1", "ClusterRole", "clusterroles", {"rules": _RULES}, False, wrong={"rules": {}}),
    Sample(
        _GROUP + "/v1", "RoleBinding", "rolebindings", {"roleRef": _ROLE, "subjects": [_ACCOUNT]}, wrong={"subjects": {}}
    ),
    Sample(
        _GROUP + "/v1",
        "ClusterRoleBinding",
        "clusterrolebindings",
        {"roleRef": _ROLE, "subjects": [_ACCOUNT]},
        False,
        wrong={"subjects": {}},
    ),
    Sample(
        "networking.k8s.io/v1",
        "NetworkPolicy",
        "networkpolicies",
        {"spec": {"podSelector": {"matchLabels": {"app": "web"}}, "ingress": [{}]}},
        wrong={"spec": {"ingress": {}}},
    ),
    Sample(
        "networking.k8s.io/v1",
        "Ingress",
        "ingresses",
        {
            "spec": {
                "rules": [
                    {
                        "http": {
                            "paths": [
                                {
                                    "path": "/",
                                    "pathType": "Prefix",
                                    "backend": {"service": {"name": "web", "port": {"number": 80}}},
                                }
                            ]
                        }
                    }
                ]
            }
        },
        wrong={"spec": {"rules": {}}},
    ),
    Sample(
        "policy/v1",
        "PodDisruptionBudget",
        "poddisruptionbudgets",
        {"spec": {**_SELECTED, "minAvailable": 1}},
        wrong={"spec": {"minAvailable": []}},
    ),
    Sample("scheduling.k8s.io/v1", "PriorityClass", "priorityclasses", {"value": 100}, False, wrong={"value": "high"}),
    Sample(
        "storage.k8s.io/v1",
        "StorageClass",
        "storageclasses",
        {"provisioner": "pd.csi.storage.gke.io", "parameters": {"type": "pd-ssd"}},
        False,
        wrong={"parameters": []},
    ),
    Sample(
        "coordination.k8s.io/v1",
        "Lease",
        "leases",
        {"spec": {"holderIdentity": "me", "leaseDurationSeconds": 15}},
        wrong={"spec": {"leaseDurationSeconds": "x"}},
    ),
    Sample(
        "autoscaling/v2",
        "HorizontalPodAutoscaler",
        "horizontalpodautoscalers",
        {"spec": {"maxReplicas": 3, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}},
        wrong={"spec": {"maxReplicas": "x"}},
    ),
)
RICH_DEPLOYMENT = Sample("apps/v1", "Deployment", "deployments", _RICH_DEPLOYMENT)
RICH_POD = Sample("v1", "Pod", "pods", {"spec": RICH})
BY_KIND = {sample.kind: sample for sample in SAMPLES}


def crd(kind: str, plural: str, schema: Obj, **version: Any) -> Obj:
    """A CRD of the group ``battery.example.com``."""
    group = "battery.example.com"
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": plural, "kind": kind, "shortNames": [plural[:2]]},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}, **version}],
        },
    }
