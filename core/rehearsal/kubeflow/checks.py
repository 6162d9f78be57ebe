"""What a run depends on in the cluster: each check says why a real run would fail here, or nothing.

A rollout shows none of this, since pipeline specs lie in the database: only a run uses Argo's artifact repository, the
launcher's pipeline root, the rights of the step's account, and its Google account.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from core.rehearsal.kubernetes import admission
from core.rehearsal.kubernetes.objects import Cluster
from core.rehearsal.kubernetes.programs import pipelines
from core.rehearsal.kubernetes.programs.process import Process, google_account, running, secret_data, unresolved
from core.rehearsal.kubernetes.resources import BUILTIN
from core.rehearsal.kubernetes.status import Obj
from core.rehearsal.kubernetes.validation import at
from core.rehearsal.world import World

_PODS, _CONFIG_MAPS = BUILTIN["", "v1", "pods"], BUILTIN["", "v1", "configmaps"]
_ACCOUNTS = BUILTIN["", "v1", "serviceaccounts"]
LAUNCHER, INSTALL = "kfp-launcher", "pipeline-install-config"


@dataclass(frozen=True)
class Place:
    """Where a run happens: the API server's namespace, and the account of its steps."""

    world: World
    cluster: Cluster
    namespace: str
    account: str
    server: Process

    def config(self, name: str) -> dict[str, str]:
        """The data of a ConfigMap."""
        return dict((self.cluster.find(_CONFIG_MAPS, self.namespace, name) or {}).get("data") or {})

    def step(self) -> Process:
        """A step's pod as far as rights and neighbours go."""
        pod: Obj = {"metadata": {"namespace": self.namespace}, "spec": {"serviceAccountName": self.account}}
        return Process(self.world, self.cluster, pod, {"image": ""})

    def program(self, image: str) -> Process | None:
        """A process in the namespace that runs this image and is ready."""
        for pod in self.cluster.list(_PODS, self.namespace):
            for container in pod["spec"]["containers"]:
                if f"/{image}:" in f"/{container['image']}":
                    found = running(self.world, self.cluster, pod, container)
                    if found is not None and self._ready(pod, container["name"]):
                        return found
        return None

    @staticmethod
    def _ready(pod: Obj, container: str) -> bool:
        return any(c["name"] == container and c["ready"] for c in at(pod, "status.containerStatuses") or ())

    @property
    def google_account(self) -> str:
        """The Google account that Workload Identity gives a step."""
        return google_account(self.world, self.cluster, self.namespace, self.account)

    @property
    def root(self) -> str:
        """The pipeline root that the launcher is told."""
        return self.config(LAUNCHER).get("defaultPipelineRoot", "")


def submitted(place: Place) -> str:
    """The API server makes the workflow."""
    if place.cluster.find(_ACCOUNTS, place.namespace, place.account) is None:
        return f'serviceaccounts "{place.account}" not found'
    known = any(r.group == "argoproj.io" and r.plural == "workflows" for r in place.cluster.custom.values())
    if not known:
        return "the server could not find the requested resource (post workflows.argoproj.io)"
    if not place.server.may("create", "argoproj.io", "workflows"):
        return f"workflows.argoproj.io is forbidden: account {place.server.account} cannot create it"
    return ""


def artifact_repository(place: Place) -> str:
    """Argo resolves its artifact repository before the first pod, and the driver's pod uses it."""
    controller = place.program("workflow-controller")
    assert controller is not None
    config = pipelines.controller_configuration(controller)
    if isinstance(config, str):
        return config
    s3: dict[str, Any] = (config.get("artifactRepository") or {}).get("s3") or {}
    bucket, endpoint = str(s3.get("bucket", "")), str(s3.get("endpoint", ""))
    for value in (bucket, endpoint):
        if not value or unresolved(value):
            return f"failed to resolve the artifact repository: s3 {value or 'bucket or endpoint'!r} was never filled in"
    wanted = place.config(INSTALL).get("bucketName", "")
    if not bucket == wanted == "mlpipeline":
        return f"artifact repository: the bucket {bucket!r} does not exist in the object store (bucketName is {wanted!r})"
    return _object_store(place, s3, endpoint)


def _object_store(place: Place, s3: dict[str, Any], endpoint: str) -> str:
    host, _, port = endpoint.partition(":")
    if why := place.step().reaches(host, int(port) if port.isdecimal() else 80):
        return f"artifact repository: failed to put file: {why}"
    store = place.program("seaweedfs")
    for part in ("accessKeySecret", "secretKeySecret"):
        reference = s3.get(part) or {}
        value = secret_data(place.cluster, place.namespace, str(reference.get("name"))).get(str(reference.get("key")))
        if value is None:
            return f"artifact repository: secret {reference.get('name')} has no key {reference.get('key')}"
        known = store.env.get("accesskey" if part == "accessKeySecret" else "secretkey") if store else value
        if value != known:
            return "artifact repository: failed to put file: The Access Key Id you provided does not exist in our records"
    return ""


def step_rights(place: Place) -> str:
    """A step's pod reports its results, and admission lets it in."""
    step = place.step()
    for verb in ("create", "patch"):
        if not step.may(verb, "argoproj.io", "workflowtaskresults"):
            return (
                "workflowtaskresults.argoproj.io is forbidden: User "
                f'"system:serviceaccount:{place.namespace}:{place.account}" cannot {verb} resource "workflowtaskresults"'
            )
    if not step.may("get", "", "configmaps", LAUNCHER):
        return f'configmaps "{LAUNCHER}" is forbidden'
    return admission.refusal(place.cluster, place.namespace, step_pod(place))


def step_pod(place: Place) -> Obj:
    """The pod that Argo makes of a step: the executor's settings on each of its own containers, the user's as it is."""
    controller = place.program("workflow-controller")
    config = pipelines.controller_configuration(controller) if controller else {}
    executor = (config.get("executor") or {}) if isinstance(config, dict) else {}
    context = executor.get("securityContext") or {}
    own = [{"name": name, "image": "quay.io/argoproj/argoexec", "securityContext": context} for name in ("init", "wait")]
    main = {"name": "main", "image": "", "securityContext": {**context, "capabilities": {"drop": ["ALL"]}}}
    return {
        "serviceAccountName": place.account,
        "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
        "initContainers": own[:1],
        "containers": [own[1], main],
        "volumes": [{"name": "kfp-launcher", "emptyDir": {}}],
    }


def metadata(place: Place) -> str:
    """The driver and the launcher write to ML Metadata."""
    why = place.step().reaches(f"metadata-grpc-service.{place.namespace}", 8080)
    return f"driver: failed to connect to ML Metadata: {why}" if why else ""


def pipeline_root(place: Place) -> str:
    """The launcher writes artifacts to the pipeline root, which has to be a bucket that the step's account may write to."""
    root = place.root
    if not root:
        root = "minio://mlpipeline/v2/artifacts"
    if not root.startswith("gs://"):
        return (
            f"launcher: the pipeline root is {root}, not in Cloud Storage: failed to upload output artifact: "
            "dial tcp: lookup seaweedfs.kubeflow: no such host"
        )
    bucket = root.removeprefix("gs://").split("/", maxsplit=1)[0]
    if place.world.store.get("storage.buckets", bucket) is None:
        return f"launcher: bucket {bucket} of the pipeline root {root} does not exist"
    return ""


def identity(place: Place) -> str:
    """A step that calls Google needs an account there."""
    if place.google_account:
        return ""
    return (
        f"launcher: failed to fetch a token: the Kubernetes account {place.namespace}/{place.account} may not act as the "
        "Google account that it names: Permission 'iam.serviceAccounts.getAccessToken' denied"
    )


CHECKS: tuple[tuple[str, Callable[[Place], str]], ...] = (
    ("driver", artifact_repository),
    ("driver", step_rights),
    ("driver", metadata),
    ("launcher", identity),
    ("launcher", pipeline_root),
)
"""The checks of a run once it is submitted, each with the part that finds it."""
