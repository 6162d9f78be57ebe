output "id" {
  description = "Resource name of the cluster."
  value       = google_container_cluster.this.id
}

output "workload_pool" {
  description = "The project's pool of identities."
  value       = google_container_cluster.this.workload_identity_config[0].workload_pool
}

output "dns_endpoint" {
  description = "Name at which the API server answers."
  value       = google_container_cluster.this.control_plane_endpoints_config[0].dns_endpoint_config[0].endpoint
}

output "node_pool_id" {
  description = "Resource name of the node pool."
  value       = google_container_node_pool.this.id
}
