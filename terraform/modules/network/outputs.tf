# One output each: what needs only the subnet must not wait for the peering of Cloud SQL.
output "network" {
  description = "Id of the network."
  value       = google_compute_network.this.id
}

output "subnetwork" {
  description = "Id of the subnet."
  value       = google_compute_subnetwork.this.id
}

output "pods_range" {
  description = "Name of the range of the pods."
  value       = google_compute_subnetwork.this.secondary_ip_range[0].range_name
}

output "services_range" {
  description = "Name of the range of the Services."
  value       = google_compute_subnetwork.this.secondary_ip_range[1].range_name
}

output "sql_network" {
  description = "The same network, known once Cloud SQL can be reached through its peering."
  value       = google_service_networking_connection.sql.network
}

output "sql_range" {
  description = "Name of the range that Cloud SQL takes its addresses from."
  value       = google_compute_global_address.sql.name
}

output "egress" {
  description = "Known once machines without public addresses can reach out."
  value       = one(google_compute_router_nat.this[*].id)
}
