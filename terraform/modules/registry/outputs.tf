output "registry" {
  description = "Project, location and name of the repository."
  value = {
    project  = google_artifact_registry_repository.this.project
    location = google_artifact_registry_repository.this.location
    name     = google_artifact_registry_repository.this.repository_id
  }
}
