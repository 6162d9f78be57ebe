"""What an installation will ask for and takes long the first time, done while it waits for its APIs.

Descriptions of APIs, the types that a Deployment's pods are made of, and what answers a question about MySQL's users: each
is kept once it was needed, and everything waits for it the first time that it is.
"""

from __future__ import annotations

from core.rehearsal.google import discovery
from core.rehearsal.kubernetes import shapes

APIS = (
    ("compute", "v1"), ("container", "v1"), ("sqladmin", "v1"), ("iam", "v1"), ("secretmanager", "v1"),
    ("artifactregistry", "v1"), ("cloudbuild", "v1"), ("servicenetworking", "v1"), ("storage", "v1"),
)  # fmt: skip
TYPES = (
    "V1Namespace", "V1Node", "V1StorageClass", "V1PriorityClass", "V1ClusterRole", "V1RoleBinding", "V1ServiceAccount",
    "V1Secret", "V1ConfigMap", "V1PersistentVolumeClaim", "V1Service", "V1Deployment", "V1ReplicaSet", "V1Pod",
    "CoreV1Event", "V1CustomResourceDefinition", "V1NetworkPolicy",
)  # fmt: skip


def load() -> None:
    """Does all of it; beside the event loop, since none of it needs what the rehearsal holds."""
    for name, version in APIS:
        discovery.api(name, version)
    for kind in TYPES:
        shapes.known(kind)
    from core.rehearsal.mysql import session

    session.load()
