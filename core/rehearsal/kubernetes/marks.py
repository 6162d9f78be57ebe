"""What Kubernetes' own OpenAPI document and source mark of built-in types, and the client's models leave out.

Which lists merge by keys, what has one owner as a whole, what is there even in an empty object, what a zero is kept in, and
which fields are newer than the oldest minor that GKE's regular channel offers. `make conformance` holds these tables
against the document of a real server, type by type.
"""

from __future__ import annotations

LIST_KEYS: dict[tuple[str, str], tuple[str, ...]] = {
    ("V1PodSpec", "containers"): ("name",),
    ("V1PodSpec", "initContainers"): ("name",),
    ("V1PodSpec", "ephemeralContainers"): ("name",),
    ("V1PodSpec", "volumes"): ("name",),
    ("V1PodSpec", "imagePullSecrets"): ("name",),
    ("V1PodSpec", "hostAliases"): ("ip",),
    ("V1PodSpec", "resourceClaims"): ("name",),
    ("V1PodSpec", "schedulingGates"): ("name",),
    ("V1PodSpec", "topologySpreadConstraints"): ("topologyKey", "whenUnsatisfiable"),
    ("V1Container", "env"): ("name",),
    ("V1Container", "ports"): ("containerPort", "protocol"),
    ("V1Container", "volumeMounts"): ("mountPath",),
    ("V1Container", "volumeDevices"): ("devicePath",),
    ("V1EphemeralContainer", "env"): ("name",),
    ("V1EphemeralContainer", "ports"): ("containerPort", "protocol"),
    ("V1EphemeralContainer", "volumeMounts"): ("mountPath",),
    ("V1EphemeralContainer", "volumeDevices"): ("devicePath",),
    ("V1ResourceRequirements", "claims"): ("name",),
    ("V1ServiceSpec", "ports"): ("port", "protocol"),
    ("V1ServiceAccount", "secrets"): ("name",),
    ("V1ObjectMeta", "ownerReferences"): ("uid",),
    ("V1PodStatus", "podIPs"): ("ip",),
    ("V1PodStatus", "resourceClaimStatuses"): ("name",),
    ("V1ContainerStatus", "allocatedResourcesStatus"): ("name",),
    ("V1ContainerStatus", "volumeMounts"): ("mountPath",),
    ("V1ResourceStatus", "resources"): ("resourceID",),
    ("V1NodeStatus", "addresses"): ("type",),
    ("V1MutatingWebhook", "matchConditions"): ("name",),
    ("V1ValidatingWebhook", "matchConditions"): ("name",),
    ("V1MutatingWebhookConfiguration", "webhooks"): ("name",),
    ("V1ValidatingWebhookConfiguration", "webhooks"): ("name",),
}
"""The lists of maps that merge by keys; `conditions` merge by ``type`` everywhere but in `UNKEYED`."""

UNKEYED = {("V1JobStatus", "conditions")}

SETS = {
    ("V1ObjectMeta", "finalizers"),
    ("V1NodeSpec", "podCIDRs"),
    ("V1Endpoint", "addresses"),
    ("V1ContainerRestartRuleOnExitCodes", "values"),
    ("V1PodFailurePolicyOnExitCodesRequirement", "values"),
    ("V1UncountedTerminatedPods", "failed"),
    ("V1UncountedTerminatedPods", "succeeded"),
}
"""The lists that are sets."""

ATOMIC_TYPES = {
    "CoreV1EndpointPort",
    "DiscoveryV1EndpointPort",
    "RbacV1Subject",
    "V1ConfigMapKeySelector",
    "V1EndpointAddress",
    "V1FileKeySelector",
    "V1LabelSelector",
    "V1LocalObjectReference",
    "V1NodeSelector",
    "V1NodeSelectorTerm",
    "V1ObjectFieldSelector",
    "V1ObjectReference",
    "V1OwnerReference",
    "V1ResourceFieldSelector",
    "V1RoleRef",
    "V1ScopeSelector",
    "V1SecretKeySelector",
    "V1SecretReference",
    "V1ServiceBackendPort",
    "V1TopologySelectorTerm",
    "V1TypedLocalObjectReference",
}
"""The types that have one owner as a whole."""

ATOMIC_FIELDS = {
    ("V1PodSpec", "nodeSelector"),
    ("V1ServiceSpec", "selector"),
    ("V1ReplicationControllerSpec", "selector"),
    ("V1PersistentVolumeClaimSpec", "dataSource"),
}

SOLID: dict[str, tuple[str, ...]] = {
    "CoreV1Event": ("involvedObject", "source"),
    "V1CronJobSpec": ("jobTemplate",),
    "V1CustomResourceDefinitionSpec": ("names", "versions"),
    "V1CustomResourceDefinitionStatus": ("acceptedNames", "conditions", "storedVersions"),
    "V1DaemonSetSpec": ("template", "updateStrategy"),
    "V1DeploymentSpec": ("strategy", "template"),
    "V1IngressStatus": ("loadBalancer",),
    "V1JobSpec": ("template",),
    "V1JobTemplateSpec": ("metadata", "spec"),
    "V1LimitRangeSpec": ("limits",),
    "V1NetworkPolicySpec": ("podSelector",),
    "V1PersistentVolumeClaimSpec": ("resources",),
    "V1PodSpec": ("containers",),
    "V1PodTemplateSpec": ("metadata", "spec"),
    "V1ReplicaSetSpec": ("template",),
    "V1ServiceStatus": ("loadBalancer",),
    "V1StatefulSetSpec": ("template", "updateStrategy"),
    "V2HorizontalPodAutoscalerSpec": ("scaleTargetRef",),
}
"""What an empty object of a type holds already; of every kind, its ``metadata``, ``spec`` and ``status``."""

ZEROS: dict[str, dict[str, int | str]] = {
    "CoreV1Event": {"reportingComponent": "", "reportingInstance": ""},
    "V1CustomResourceDefinitionNames": {"plural": "", "kind": ""},
    "V1ReplicaSetStatus": {"replicas": 0},
    "V1ReplicationControllerStatus": {"replicas": 0},
    "V1StatefulSetStatus": {"replicas": 0, "availableReplicas": 0},
    "V1DaemonSetStatus": {
        "currentNumberScheduled": 0,
        "numberMisscheduled": 0,
        "desiredNumberScheduled": 0,
        "numberReady": 0,
    },
    "V1PodDisruptionBudgetStatus": {
        "disruptionsAllowed": 0,
        "currentHealthy": 0,
        "desiredHealthy": 0,
        "expectedPods": 0,
    },
}
"""Numbers and texts that are shown even where nobody wrote them."""

_NEWER = """
V1PodSpec evictionResponders schedulingGroup
V1HTTPGetAction protocol
V1GRPCAction mode
V1VolumeMount bindMountOptions
V1VolumeMountStatus volumeStatus
V1ConfigMapVolumeSource defaultUser
V1KeyToPath user
V1DownwardAPIVolumeSource defaultUser
V1DownwardAPIVolumeFile user
V1EmptyDirVolumeSource mode
V1ProjectedVolumeSource defaultUser
V1ClusterTrustBundleProjection user
V1PodCertificateProjection user userAnnotations
V1ServiceAccountTokenProjection user
V1SecretVolumeSource defaultUser
V1PersistentVolumeClaimStatus healthStatus
V1JobSpec scheduling
V1PodStatus allocatedResources nodeAllocatableResourceClaimStatuses resources volumeHealth
V1ResourceHealth message
V1NodeSpec podPreemptionPolicy
V1NodeStatus declaredFeatures
V1NodeSystemInfo runningInUserNamespace
V1CustomResourceDefinitionStatus observedGeneration
V1CustomResourceDefinitionCondition observedGeneration
V2HorizontalPodAutoscalerCondition observedGeneration
"""
NEWER = {(owner, name) for owner, *names in (line.split() for line in _NEWER.strip().splitlines()) for name in names}
"""The fields that the oldest minor does not have: a rehearsal refuses them, since such a cluster would."""
