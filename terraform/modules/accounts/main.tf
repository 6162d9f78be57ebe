locals {
  purposes = {
    pipelines = "runs pipelines"
    nodes     = "runs the cluster's nodes"
    build     = "builds images"
  }

  # One role at a time, and none that holds another account's rights: a pipeline reads and writes data, starts Dataflow and
  # Vertex AI jobs, and reaches the database; a node writes its logs and metrics; a build writes its log.
  pipeline_roles = [
    "roles/aiplatform.user",
    "roles/bigquery.dataEditor",
    "roles/bigquery.jobUser",
    "roles/cloudsql.client",
    "roles/dataflow.developer",
    "roles/dataflow.worker",
    "roles/logging.logWriter",
  ]
  node_roles  = ["roles/container.defaultNodeServiceAccount"]
  build_roles = concat(["roles/logging.logWriter"], var.build_deploys ? ["roles/container.developer"] : [])
}

resource "google_service_account" "pipelines" {
  account_id   = var.account_ids.pipelines
  display_name = "${var.environment}: ${local.purposes.pipelines}"
  description  = var.mark
}

resource "google_service_account" "nodes" {
  account_id   = var.account_ids.nodes
  display_name = "${var.environment}: ${local.purposes.nodes}"
  description  = var.mark
}

resource "google_service_account" "build" {
  account_id   = var.account_ids.build
  display_name = "${var.environment}: ${local.purposes.build}"
  description  = var.mark
}

resource "google_project_iam_member" "pipelines" {
  for_each = toset(local.pipeline_roles)

  project = var.project_id
  role    = each.value
  member  = google_service_account.pipelines.member
}

resource "google_project_iam_member" "nodes" {
  for_each = toset(local.node_roles)

  project = var.project_id
  role    = each.value
  member  = google_service_account.nodes.member
}

resource "google_project_iam_member" "build" {
  for_each = toset(local.build_roles)

  project = var.project_id
  role    = each.value
  member  = google_service_account.build.member
}

# A pipeline starts Dataflow and Vertex AI jobs that run as the same account.
resource "google_service_account_iam_member" "pipelines_itself" {
  service_account_id = google_service_account.pipelines.name
  role               = "roles/iam.serviceAccountUser"
  member             = google_service_account.pipelines.member
}
