output "artifact_bucket" {
  description = "Name of the artifact bucket."
  value       = var.given_artifact_bucket != null ? var.given_artifact_bucket : google_storage_bucket.artifacts[0].name
}

output "build_bucket" {
  description = "Name of the bucket of build sources and logs."
  value       = google_storage_bucket.build.name
}
