"""What the overlay mends in the release, as a table: each mend is a folder of its own, and can be left out by name.

A mend is one or two kustomize components (``kustomize/mends`` and ``kustomize/cluster-mends``). Where a mend is that
something of the release's Google Cloud overlay is not taken in at all, ``instead`` is what comes in without it. The two
that no component can do stand here too: checksums are made after the build, and `docs/kubeflow.md` has the reasons.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mend:
    """One mend; ``ids`` are its numbers in the documentation, ``name`` its folder, ``lack`` what happens without it.

    ``seen_when`` is where an installation fails without it; of some, only a real cluster would tell, and over time: these
    are looked for in `BUILT` alone, or (`DESTROYED`) in what a destruction leaves.
    """

    ids: tuple[str, ...]
    name: str
    lack: str
    namespaced: bool = True
    cluster: bool = False
    instead: str = ""
    seen_when: str = "the hello pipeline"


BUILT, DESTROYED = "the built objects", "destroy"

_M = Mend
MENDS: tuple[Mend, ...] = (
    _M(("M1",), "object-store", "no run finds the host that its first driver writes to"),
    _M(("M2",), "pipeline-root", "pipelines leave their artifacts in the object store instead of the bucket"),
    _M(("M3",), "host-network", "the inverting proxy comes along, and the namespace refuses its pods", namespaced=False,
       cluster=True, instead="inverse-proxy", seen_when="the rollout of proxy-agent"),
    _M(("M4",), "sql-proxy-v2", "the Auth Proxy is the one of 2021", seen_when=BUILT),
    _M(("M6",), "no-application", "the application controller's image is gone, and its rollout never ends",
       namespaced=False, cluster=True, instead="application", seen_when="the rollout of controller-manager"),
    _M(("M7", "M25"), "workload-identity", "no Google call of a pod has a right to anything",
       seen_when="the rollout of cloudsqlproxy"),
    _M(("M8",), "artifact-repository", "every run fails at its first driver"),
    _M(("M9",), "no-log-archive", "a step runs again whenever its log can't be stored", seen_when=BUILT),
    _M(("M10",), "metadata-writer-namespace", "the metadata writer dies outside the namespace kubeflow",
       seen_when="the restarts of metadata-writer"),
    _M(("M11",), "no-secrets", "the Secrets that hold the password and the keys are overwritten with defaults",
       seen_when="the step pipelines, which refuses them"),
    _M(("M12",), "api-server-startup", "the API server is killed while it waits for the database",
       seen_when=BUILT),
    _M(("M13",), "database-path", "every running step fails when the one proxy restarts", seen_when=BUILT),
    _M(("M15",), "workflow-survival", "a step whose node goes away fails", seen_when=BUILT),
    _M(("M14",), "workflow-lifetime", "a run whose result was not stored within the hour stays RUNNING for ever",
       seen_when=BUILT),
    _M(("M16",), "ui-signing-secret", "the UI signs with the object store's secret key, and logs it",
       seen_when=BUILT),
    _M(("M17",), "sql-proxy-distroless", "the proxy's hook has no shell, and nothing proves its connection",
       seen_when=BUILT),
    _M(("M18",), "no-cache", "a webhook and a certificate that nothing needs, and that private nodes block", cluster=True,
       seen_when="the rollout of cache-server"),
    _M(("M19",), "public-configuration", "every Google account may read a ConfigMap, or the binding is refused",
       seen_when=BUILT),
    _M(("M20",), "launcher-providers", "roots that begin with minio:// go to the namespace kubeflow",
       seen_when=BUILT),
    _M(("M21",), "database-names", "the databases have the release's names, whichever those are",
       seen_when=BUILT),
    _M(("M22",), "no-mlflow", "every run warns of MLflow", seen_when=BUILT),
    _M(("M23",), "utf8mb4", "an emoji in a name is an error of the server's", seen_when=BUILT),
    _M(("M24",), "checksums", "nothing restarts when what it reads changes", namespaced=False,
       seen_when=BUILT),
    _M((), "disk-labels", "the object store's disk outlives the cluster, and nothing says whose it is",
       seen_when=DESTROYED),
)  # fmt: skip
"""Every mend, in the order in which the components are applied."""

CHECKSUMS = "checksums"


def find(key: str) -> Mend:
    """The mend with that number or name; KeyError where there is none."""
    for mend in MENDS:
        if key == mend.name or key in mend.ids:
            return mend
    raise KeyError(key)


def without(keys: Iterable[str]) -> frozenset[str]:
    """The names of the mends that those numbers or names mean."""
    return frozenset(find(key).name for key in keys)
