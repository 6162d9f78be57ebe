output "network" {
  description = "What others need of the network. sql_network is the same network, known once Cloud SQL can be reached through its peering; egress is known once machines without public addresses can reach out."
  value = {
    network        = google_compute_network.this.id
    subnetwork     = google_compute_subnetwork.this.id
    pods_range     = google_compute_subnetwork.this.secondary_ip_range[0].range_name
    services_range = google_compute_subnetwork.this.secondary_ip_range[1].range_name
    sql_network    = google_service_networking_connection.sql.network
    sql_range      = google_compute_global_address.sql.name
    egress         = one(google_compute_router_nat.this[*].id)
  }
}
