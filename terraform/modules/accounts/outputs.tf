output "emails" {
  description = "Addresses of the accounts."
  value = {
    pipelines = google_service_account.pipelines.email
    nodes     = google_service_account.nodes.email
    build     = google_service_account.build.email
  }
}

output "names" {
  description = "Resource names of the accounts."
  value = {
    pipelines = google_service_account.pipelines.name
    nodes     = google_service_account.nodes.name
    build     = google_service_account.build.name
  }
}
