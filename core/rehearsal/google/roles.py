"""What the roles hold that a rehearsal grants or meets: their true contents, as far as a simulated call asks for them.

A role is a list of patterns, ``!`` before one takes it away again. `roles/owner` shows why the contents matter: it has
neither ``storage.buckets.get`` nor any right on objects; those come from the bindings that each new bucket gets.
"""

from __future__ import annotations

import fnmatch
import functools

_OBJECT_RIGHTS = ("storage.objects.*", "storage.multipartUploads.*", "storage.folders.*", "storage.managedFolders.*")
_BASIC_LACKS = (
    "!storage.buckets.get", "!storage.buckets.getIamPolicy", "!storage.buckets.setIamPolicy", "!storage.buckets.update",
    "!storage.objects.*", "!storage.multipartUploads.*", "!storage.folders.*", "!storage.managedFolders.*",
    "!iam.serviceAccounts.getAccessToken", "!iam.serviceAccounts.getOpenIdToken", "!iam.serviceAccounts.implicitDelegation",
    "!iam.serviceAccounts.signBlob", "!iam.serviceAccounts.signJwt", "!cloudsql.instances.executeSql",
    "!cloudsql.instances.login",
    "!orgpolicy.policies.*", "!orgpolicy.policy.set", "!resourcemanager.organizations.*", "!billing.accounts.*",
)  # fmt: skip
_READ = (
    "*.get", "*.list", "*.getIamPolicy", "!secretmanager.versions.access", "!iam.serviceAccountKeys.create",
    "!storage.objects.*", "!storage.buckets.get", "!storage.buckets.getIamPolicy", "!container.secrets.*",
    "!orgpolicy.policies.*",
)  # fmt: skip
_CONTAINER_RESOURCES = (
    "bindings configMaps cronJobs customResourceDefinitions daemonSets deployments endpoints endpointSlices events "
    "horizontalPodAutoscalers ingresses jobs leases limitRanges networkPolicies persistentVolumeClaims podDisruptionBudgets "
    "podTemplates pods replicaSets replicationControllers resourceQuotas secrets serviceAccounts services statefulSets "
    "storageClasses priorityClasses thirdPartyObjects"
).split()
_VERBS = ("create", "delete", "get", "list", "update")
_KUBERNETES_OBJECTS = (
    "container.apiServices.get", "container.apiServices.list", "container.namespaces.*", "container.nodes.get",
    "container.nodes.list",
    "container.persistentVolumes.*", *(f"container.{r}.{v}" for r in _CONTAINER_RESOURCES for v in _VERBS),
    "container.pods.exec", "container.pods.attach", "container.pods.portForward", "container.pods.proxy",
    "container.pods.getLogs",
    "container.pods.evict", "container.services.proxy", "container.deployments.getScale",
    "container.deployments.updateScale",
    "container.serviceAccounts.createToken", "container.selfSubjectAccessReviews.*", "container.localSubjectAccessReviews.*",
    "container.clusterRoles.get", "container.clusterRoles.list", "container.clusterRoleBindings.get",
    "container.clusterRoleBindings.list", "container.roles.get", "container.roles.list", "container.roleBindings.get",
    "container.roleBindings.list", "container.mutatingWebhookConfigurations.get",
    "container.mutatingWebhookConfigurations.list",
    "container.validatingWebhookConfigurations.get", "container.validatingWebhookConfigurations.list",
    "container.statefulSets.getScale", "container.statefulSets.updateScale", "container.replicaSets.updateScale",
)  # fmt: skip
_CLUSTER_VIEW = (
    "container.clusters.get",
    "container.clusters.list",
    "resourcemanager.projects.get",
    "resourcemanager.projects.list",
)
_SERVICE_AGENT = ("compute.*", "iam.serviceAccounts.actAs", "iam.serviceAccounts.get", "storage.objects.get")

ROLES: dict[str, tuple[str, ...]] = {
    "roles/owner": ("*", *_BASIC_LACKS),
    "roles/editor": (
        "*", *_BASIC_LACKS, "!*.setIamPolicy", "!resourcemanager.projects.delete", "!secretmanager.versions.access",
        "!iam.roles.*", "!container.roles.*", "!container.clusterRoles.*", "!container.roleBindings.*",
        "!container.clusterRoleBindings.*", "!iap.tunnelInstances.accessViaIAP", "!billing.resourceAssociations.*",
        "container.roles.get", "container.roles.list", "container.clusterRoles.get", "container.clusterRoles.list",
        "!artifactregistry.repositories.setIamPolicy", "!orgpolicy.*",
    ),
    "roles/viewer": _READ,
    "roles/browser": ("resourcemanager.projects.get", "resourcemanager.projects.list",
        "resourcemanager.projects.getIamPolicy"),
    "roles/storage.admin": (
        "storage.*", "orgpolicy.policy.get", "resourcemanager.projects.get", "resourcemanager.projects.list",
        "serviceusage.services.get", "serviceusage.services.list",
    ),
    "roles/storage.objectAdmin": (*_OBJECT_RIGHTS, "orgpolicy.policy.get", "resourcemanager.projects.get"),
    "roles/storage.objectUser": (
        "storage.objects.create", "storage.objects.delete", "storage.objects.get", "storage.objects.list",
        "storage.objects.update",
        "storage.objects.move", "storage.objects.restore", "storage.multipartUploads.*", "storage.folders.*",
        "orgpolicy.policy.get",
        "resourcemanager.projects.get",
    ),
    "roles/storage.objectViewer": (
        "storage.objects.get", "storage.objects.list", "storage.folders.get", "storage.folders.list",
        "resourcemanager.projects.get",
    ),
    "roles/storage.objectCreator": ("storage.objects.create", "storage.folders.create", "storage.multipartUploads.*",
        "orgpolicy.policy.get"),
    "roles/storage.bucketViewer": ("storage.buckets.get", "storage.buckets.list"),
    "roles/storage.legacyBucketOwner": (
        "storage.buckets.get", "storage.buckets.getIamPolicy", "storage.buckets.setIamPolicy", "storage.buckets.update",
        "storage.objects.create", "storage.objects.delete", "storage.objects.list", "storage.multipartUploads.*",
    ),
    "roles/storage.legacyBucketWriter": (
        "storage.buckets.get", "storage.objects.create", "storage.objects.delete", "storage.objects.list",
        "storage.multipartUploads.*",
    ),
    "roles/storage.legacyBucketReader": ("storage.buckets.get", "storage.objects.list", "storage.multipartUploads.list"),
    "roles/storage.legacyObjectOwner": (
        "storage.objects.get", "storage.objects.update", "storage.objects.getIamPolicy", "storage.objects.setIamPolicy",
    ),
    "roles/storage.legacyObjectReader": ("storage.objects.get",),
    "roles/container.admin": (
        "container.*", "resourcemanager.projects.get", "resourcemanager.projects.list", "iam.serviceAccounts.list",
    ),
    "roles/container.clusterAdmin": ("container.clusters.*", "container.operations.*", *_CLUSTER_VIEW),
    "roles/container.clusterViewer": ("container.clusters.connect", *_CLUSTER_VIEW),
    "roles/container.viewer": ("container.*.get", "container.*.list", "container.clusters.connect",
        "!container.secrets.*", *_CLUSTER_VIEW),
    "roles/container.developer": ("container.clusters.connect", *_CLUSTER_VIEW, *_KUBERNETES_OBJECTS),
    "roles/container.defaultNodeServiceAccount": (
        "autoscaling.sites.writeMetrics", "logging.logEntries.create", "monitoring.metricDescriptors.create",
        "monitoring.metricDescriptors.list", "monitoring.timeSeries.create", "monitoring.timeSeries.list",
    ),
    "roles/container.nodeServiceAccount": ("autoscaling.sites.writeMetrics", "logging.logEntries.create",
        "monitoring.timeSeries.*"),
    "roles/cloudsql.admin": ("cloudsql.*", "resourcemanager.projects.get", "serviceusage.services.get"),
    "roles/cloudsql.client": ("cloudsql.instances.connect", "cloudsql.instances.get"),
    "roles/cloudsql.instanceUser": (
        "cloudsql.instances.executeSql", "cloudsql.instances.get", "cloudsql.instances.login",
        "resourcemanager.projects.get",
    ),
    "roles/artifactregistry.reader": (
        "artifactregistry.repositories.get", "artifactregistry.repositories.list",
        "artifactregistry.repositories.downloadArtifacts",
        "artifactregistry.repositories.readViaVirtualRepository", "artifactregistry.dockerimages.*",
        "artifactregistry.packages.get",
        "artifactregistry.packages.list", "artifactregistry.tags.get", "artifactregistry.tags.list",
        "artifactregistry.versions.get",
        "artifactregistry.versions.list", "artifactregistry.files.get", "artifactregistry.files.list",
        "artifactregistry.locations.*",
    ),
    "roles/artifactregistry.writer": (
        "artifactregistry.repositories.get", "artifactregistry.repositories.list",
        "artifactregistry.repositories.downloadArtifacts",
        "artifactregistry.repositories.uploadArtifacts", "artifactregistry.dockerimages.*", "artifactregistry.packages.*",
        "artifactregistry.tags.*", "artifactregistry.versions.get", "artifactregistry.versions.list",
        "artifactregistry.files.*",
        "artifactregistry.locations.*",
    ),
    "roles/artifactregistry.admin": ("artifactregistry.*",),
    "roles/aiplatform.user": (
        "aiplatform.*", "!aiplatform.*.setIamPolicy", "resourcemanager.projects.get", "resourcemanager.projects.list",
    ),
    "roles/aiplatform.viewer": ("aiplatform.*.get", "aiplatform.*.list", "resourcemanager.projects.get"),
    "roles/bigquery.jobUser": ("bigquery.jobs.create", "bigquery.config.get", "dataform.*", "resourcemanager.projects.get"),
    "roles/bigquery.dataEditor": (
        "bigquery.datasets.create", "bigquery.datasets.get", "bigquery.tables.*", "bigquery.routines.*", "bigquery.models.*",
        "resourcemanager.projects.get",
    ),
    "roles/bigquery.dataViewer": ("bigquery.datasets.get", "bigquery.tables.get", "bigquery.tables.getData",
        "bigquery.tables.list"),
    "roles/bigquery.user": (
        "bigquery.jobs.create", "bigquery.jobs.list", "bigquery.datasets.create", "bigquery.datasets.get",
        "bigquery.tables.list",
        "bigquery.config.get", "resourcemanager.projects.get",
    ),
    "roles/bigquery.admin": ("bigquery.*",),
    "roles/dataflow.developer": (
        "dataflow.jobs.*", "dataflow.messages.*", "dataflow.metrics.*", "dataflow.snapshots.*", "compute.projects.get",
        "compute.regions.list", "compute.zones.list", "resourcemanager.projects.get", "cloudbuild.builds.create",
    ),
    "roles/dataflow.viewer": ("dataflow.jobs.get", "dataflow.jobs.list", "dataflow.messages.list", "dataflow.metrics.get"),
    "roles/dataflow.worker": (
        "dataflow.jobs.get", "dataflow.streamWorkItems.*", "dataflow.workItems.*", "dataflow.shuffle.*",
        "logging.logEntries.create",
        "storage.buckets.get", "storage.objects.create", "storage.objects.get", "monitoring.timeSeries.create",
    ),
    "roles/dataflow.admin": ("dataflow.*", "compute.machineTypes.get", "storage.buckets.get", "storage.objects.create"),
    "roles/logging.logWriter": ("logging.logEntries.create", "logging.logEntries.route"),
    "roles/logging.viewer": ("logging.logEntries.list", "logging.logs.list", "logging.buckets.get", "logging.buckets.list"),
    "roles/monitoring.metricWriter": ("monitoring.metricDescriptors.create", "monitoring.metricDescriptors.list",
        "monitoring.timeSeries.create"),
    "roles/monitoring.viewer": ("monitoring.*.get", "monitoring.*.list"),
    "roles/secretmanager.admin": ("secretmanager.*", "resourcemanager.projects.get"),
    "roles/secretmanager.secretAccessor": ("secretmanager.versions.access", "resourcemanager.projects.get"),
    "roles/secretmanager.viewer": ("secretmanager.*.get", "secretmanager.*.list"),
    "roles/iam.serviceAccountUser": (
        "iam.serviceAccounts.actAs", "iam.serviceAccounts.get", "iam.serviceAccounts.list", "resourcemanager.projects.get",
    ),
    "roles/iam.serviceAccountAdmin": ("iam.serviceAccounts.*", "!iam.serviceAccounts.actAs",
        "!iam.serviceAccounts.getAccessToken"),
    "roles/iam.serviceAccountTokenCreator": (
        "iam.serviceAccounts.getAccessToken", "iam.serviceAccounts.getOpenIdToken", "iam.serviceAccounts.signBlob",
        "iam.serviceAccounts.signJwt", "iam.serviceAccounts.implicitDelegation", "iam.serviceAccounts.get",
    ),
    "roles/iam.workloadIdentityUser": (
        "iam.serviceAccounts.get", "iam.serviceAccounts.getAccessToken", "iam.serviceAccounts.getOpenIdToken",
        "iam.serviceAccounts.list",
    ),
    "roles/iam.securityReviewer": ("*.getIamPolicy", "*.list"),
    "roles/resourcemanager.projectIamAdmin": (
        "resourcemanager.projects.get", "resourcemanager.projects.getIamPolicy", "resourcemanager.projects.setIamPolicy",
    ),
    "roles/serviceusage.serviceUsageAdmin": ("serviceusage.*", "resourcemanager.projects.get"),
    "roles/serviceusage.serviceUsageConsumer": (
        "serviceusage.services.get", "serviceusage.services.list", "serviceusage.services.use", "serviceusage.quotas.get",
    ),
    "roles/orgpolicy.policyViewer": ("orgpolicy.*.get", "orgpolicy.*.list", "orgpolicy.policy.get"),
    "roles/compute.admin": ("compute.*", "resourcemanager.projects.get", "serviceusage.services.get"),
    "roles/compute.networkAdmin": (
        "compute.networks.*", "compute.subnetworks.*", "compute.routers.*", "compute.firewalls.get",
        "compute.firewalls.list",
        "compute.globalAddresses.*", "compute.addresses.*", "compute.globalOperations.*", "compute.regionOperations.*",
        "compute.regions.*", "compute.zones.*", "compute.projects.get", "servicenetworking.*",
        "resourcemanager.projects.get",
    ),
    "roles/compute.networkUser": ("compute.networks.use", "compute.subnetworks.use", "compute.networks.get",
        "compute.subnetworks.get"),
    "roles/compute.viewer": ("compute.*.get", "compute.*.list", "resourcemanager.projects.get"),
    "roles/compute.osLogin": ("compute.instances.osLogin", "compute.instances.get", "compute.projects.get"),
    "roles/compute.osAdminLogin": (
        "compute.instances.osLogin", "compute.instances.osAdminLogin", "compute.instances.get", "compute.projects.get",
    ),
    "roles/iap.tunnelResourceAccessor": ("iap.tunnelInstances.accessViaIAP",),
    "roles/notebooks.admin": ("notebooks.*", "resourcemanager.projects.get"),
    "roles/notebooks.runner": ("notebooks.*.get", "notebooks.*.list", "notebooks.instances.create"),
    "roles/cloudbuild.builds.builder": (
        "artifactregistry.repositories.createOnPush", "artifactregistry.repositories.uploadArtifacts",
        "artifactregistry.repositories.downloadArtifacts", "artifactregistry.repositories.get",
        "artifactregistry.repositories.list",
        "cloudbuild.builds.*", "logging.logEntries.create", "logging.logEntries.list", "storage.buckets.create",
        "storage.buckets.get",
        "storage.buckets.list", "storage.objects.create", "storage.objects.delete", "storage.objects.get",
        "storage.objects.list",
        "storage.objects.update", "resourcemanager.projects.get",
    ),
    "roles/cloudbuild.builds.editor": ("cloudbuild.builds.*", "resourcemanager.projects.get"),
    "roles/cloudbuild.builds.viewer": ("cloudbuild.builds.get", "cloudbuild.builds.list"),
    "roles/compute.serviceAgent": _SERVICE_AGENT,
    "roles/container.serviceAgent": ("compute.*", "container.*", "iam.serviceAccounts.actAs",
        "iam.serviceAccounts.get", "storage.*"),
    "roles/servicenetworking.serviceAgent": ("compute.globalAddresses.*", "compute.networks.*",
        "compute.projects.get", "dns.*"),
    "roles/cloudbuild.serviceAgent": ("cloudbuild.*", "storage.*", "iam.serviceAccounts.*", "artifactregistry.*",
        "logging.*"),
    "roles/artifactregistry.serviceAgent": ("artifactregistry.*", "pubsub.*", "storage.*"),
    "roles/notebooks.serviceAgent": ("compute.*", "iam.serviceAccounts.actAs", "notebooks.*"),
    "roles/aiplatform.serviceAgent": ("aiplatform.*", "storage.*", "bigquery.*", "artifactregistry.*"),
    "roles/dataflow.serviceAgent": ("compute.*", "dataflow.*", "storage.*", "iam.serviceAccounts.actAs"),
    "roles/file.serviceAgent": ("file.*", "compute.networks.get"),
    "roles/containerregistry.ServiceAgent": ("storage.*", "pubsub.*"),
    "roles/containerfilesystem.serviceAgent": ("artifactregistry.*", "storage.objects.get"),
    "roles/cloudkms.cryptoKeyEncrypterDecrypter": ("cloudkms.cryptoKeyVersions.useToDecrypt",
        "cloudkms.cryptoKeyVersions.useToEncrypt"),
}  # fmt: skip
"""Role → patterns of the permissions in it."""
_WILD = frozenset("*?[")


def known(role: str) -> bool:
    """Whether the role exists (custom roles of a project are taken as they are, and hold nothing here)."""
    return role in ROLES or role.startswith(("projects/", "organizations/"))


@functools.lru_cache(maxsize=8192)
def grants(role: str, permission: str) -> bool:
    """Whether the role holds the permission; the last pattern that fits decides."""
    held = False
    for pattern in ROLES.get(role, ()):
        taken = pattern.startswith("!")
        if _fits(permission, pattern.removeprefix("!")):
            held = not taken
    return held


def _fits(permission: str, pattern: str) -> bool:
    """As `fnmatch`, which compiles each of the hundreds of patterns, where one of them says more than how it begins."""
    head = pattern.removesuffix("*")
    if _WILD.isdisjoint(head):
        return permission.startswith(head) if head != pattern else permission == pattern
    return fnmatch.fnmatchcase(permission, pattern)
