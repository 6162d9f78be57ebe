"""Every fact that steps publish: its name, the step it comes from, and what its value is. No fact is a secret."""

from __future__ import annotations

FACTS: dict[str, tuple[str, str]] = {
    "prerequisites": ("prerequisites", "true, once nothing blocks"),
    "account": ("prerequisites", "address of the signed-in account"),
    "services": ("services", "list of the services that are enabled"),
    "project_number": ("services", "the project's number, a string of digits"),
    "service_agents": ("services", "list of the services whose own account has no role yet after ten minutes; empty mostly"),
    "zone": ("services", "zone of the cluster"),
    "state_bucket": ("state", "name of the state bucket; empty with state = local"),
    "sql_password_version": ("state", "resource name of the secret version that holds the SQL password"),
    "manifests": ("manifests", "{folder, digest, source}: the built objects, split into what goes where"),
    "pipelines_account": ("platform", "address of the pipelines' service account"),
    "build_account": ("platform", "address of the build service account"),
    "artifact_bucket": ("platform", "name of the artifact bucket"),
    "build_bucket": ("platform", "name of the bucket of build logs and sources"),
    "registry": ("platform", "REGION-docker.pkg.dev/PROJECT/REPOSITORY"),
    "sql_instance": ("platform", "connection name of the Cloud SQL instance, PROJECT:REGION:INSTANCE"),
    "cluster": ("platform", "resource name of the cluster, projects/P/locations/Z/clusters/C; it runs"),
    "node_pool": ("platform", "resource name of the node pool; it runs"),
    "workload_identity": ("platform", "true, once the Kubernetes accounts are bound to the pipelines' account"),
    "build_roles": ("platform", "true, once the build account may read its sources, write its log and push images"),
    "platform": ("platform", "true, once Terraform has nothing left to do"),
    "build_access": ("build-access", "address of the account that was granted, or empty"),
    "image": ("image", "{template, tag, digest, reference}: the development image, which the registry has"),
    "cluster_endpoint": ("cluster", "https URL of the Kubernetes API"),
    "namespace": ("namespace", "name of the namespace; it exists"),
    "secrets": ("secrets", "true, once the pods' Secrets exist"),
    "sql_proxy": ("sql-proxy", "true, once the Auth Proxy answers"),
    "database_user": ("database-user", "name of the MySQL user; its sign-in was proven"),
    "pipelines": ("pipelines", "version of Kubeflow Pipelines that runs"),
    "pipelines_ui": ("access", "{url, via}: where Kubeflow's UI answers"),
    "verification": ("verify", "list of {check, state, detail}"),
    "protected": ("protect", "true, once deletion protection is on"),
}
"""Name → (publishing step, meaning of the value)."""
