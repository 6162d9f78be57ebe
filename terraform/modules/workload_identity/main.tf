locals {
  # The accounts of Kubeflow Pipelines that call Google's APIs; ml-pipeline and argo make no such call.
  kubernetes_accounts = [
    "kubeflow-pipelines-cloudsql-proxy",
    "kubeflow-pipelines-viewer",
    "ml-pipeline-ui",
    "pipeline-runner",
  ]
}

resource "google_service_account_iam_member" "kubernetes" {
  for_each = toset(local.kubernetes_accounts)

  service_account_id = var.account_id
  role               = "roles/iam.workloadIdentityUser"
  member             = "serviceAccount:${var.workload_pool}[${var.namespace}/${each.value}]"
}
