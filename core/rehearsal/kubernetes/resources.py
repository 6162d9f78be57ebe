"""The resources that the simulated cluster serves: the built-in ones as a table, custom ones from their CRDs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from core.rehearsal.kubernetes.status import Obj

VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource in one version; its objects are kept by group and plural, whatever the version."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True
    short: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()
    schema: Obj | None = field(default=None, compare=False, hash=False)
    storage: bool = True
    columns: tuple[Obj, ...] = field(default=(), compare=False, hash=False)
    """Of a custom one: what its CRD wants shown."""

    @property
    def api_version(self) -> str:
        """``apps/v1``, ``v1``."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def key(self) -> str:
        """What its objects are kept under."""
        return f"{self.group or 'core'}/{self.plural}"

    @property
    def path(self) -> str:
        """Where its group and version stand below the root."""
        return f"apis/{self.group}/{self.version}" if self.group else f"api/{self.version}"

    @property
    def custom(self) -> bool:
        """Whether a CRD defines it."""
        return self.schema is not None


_TABLE = """
v1 namespaces Namespace - ns status
v1 pods Pod + po status,log,portforward
v1 services Service + svc status
v1 configmaps ConfigMap + cm -
v1 secrets Secret + - -
v1 serviceaccounts ServiceAccount + sa -
v1 events Event + ev -
v1 nodes Node - no status
v1 persistentvolumeclaims PersistentVolumeClaim + pvc status
v1 persistentvolumes PersistentVolume - pv status
v1 endpoints Endpoints + ep -
v1 resourcequotas ResourceQuota + quota status
v1 limitranges LimitRange + limits -
v1 replicationcontrollers ReplicationController + rc status,scale
apps/v1 deployments Deployment + deploy status,scale
apps/v1 replicasets ReplicaSet + rs status,scale
apps/v1 statefulsets StatefulSet + sts status,scale
apps/v1 daemonsets DaemonSet + ds status
apps/v1 controllerrevisions ControllerRevision + - -
batch/v1 jobs Job + - status
batch/v1 cronjobs CronJob + cj status
discovery.k8s.io/v1 endpointslices EndpointSlice + - -
networking.k8s.io/v1 ingresses Ingress + ing status
networking.k8s.io/v1 networkpolicies NetworkPolicy + netpol -
policy/v1 poddisruptionbudgets PodDisruptionBudget + pdb status
autoscaling/v2 horizontalpodautoscalers HorizontalPodAutoscaler + hpa status
rbac.authorization.k8s.io/v1 roles Role + - -
rbac.authorization.k8s.io/v1 rolebindings RoleBinding + - -
rbac.authorization.k8s.io/v1 clusterroles ClusterRole - - -
rbac.authorization.k8s.io/v1 clusterrolebindings ClusterRoleBinding - - -
scheduling.k8s.io/v1 priorityclasses PriorityClass - pc -
storage.k8s.io/v1 storageclasses StorageClass - sc -
coordination.k8s.io/v1 leases Lease + - -
apiextensions.k8s.io/v1 customresourcedefinitions CustomResourceDefinition - crd,crds status
admissionregistration.k8s.io/v1 mutatingwebhookconfigurations MutatingWebhookConfiguration - - -
admissionregistration.k8s.io/v1 validatingwebhookconfigurations ValidatingWebhookConfiguration - - -
apiregistration.k8s.io/v1 apiservices APIService - - status
"""


def _words(text: str) -> tuple[str, ...]:
    return () if text == "-" else tuple(text.split(","))


def builtin() -> list[Resource]:
    """Every built-in resource."""
    found = []
    for line in _TABLE.strip().splitlines():
        api_version, plural, kind, scope, short, subresources = line.split()
        group, _, version = api_version.rpartition("/")
        found.append(Resource(group, version, plural, kind, scope == "+", _words(short), _words(subresources)))
    return found


BUILTIN: dict[tuple[str, str, str], Resource] = {(r.group, r.version, r.plural): r for r in builtin()}


def of_definition(crd: Obj) -> Iterable[Resource]:
    """The resources that a CRD serves, one for each version."""
    spec = crd["spec"]
    names = spec["names"]
    for version in spec["versions"]:
        if version.get("served"):
            yield Resource(
                group=spec["group"],
                version=version["name"],
                plural=names["plural"],
                kind=names["kind"],
                namespaced=spec["scope"] == "Namespaced",
                short=tuple(names.get("shortNames", ())),
                subresources=tuple(s for s in ("status", "scale") if s in (version.get("subresources") or {})),
                schema=(version.get("schema") or {}).get("openAPIV3Schema") or {},
                storage=bool(version.get("storage")),
                columns=tuple(version.get("additionalPrinterColumns") or ()),
            )
