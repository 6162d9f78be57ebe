output "notebook_account" {
  description = "Address of the account that the notebook runs as."
  value       = google_service_account.notebook.email
}

output "instance" {
  description = "Resource name of the instance."
  value       = google_workbench_instance.this.id
}

output "proxy_uri" {
  description = "Host name of JupyterLab, which Google signs you in to."
  value       = google_workbench_instance.this.proxy_uri
}
