resource "google_compute_network" "this" {
  name                    = var.names.network
  description             = var.mark
  auto_create_subnetworks = false
  routing_mode            = "REGIONAL"
}

resource "google_compute_subnetwork" "this" {
  name                     = var.names.subnetwork
  description              = var.mark
  region                   = var.region
  network                  = google_compute_network.this.id
  ip_cidr_range            = var.subnet_cidr
  private_ip_google_access = true

  secondary_ip_range {
    range_name    = var.names.pods_range
    ip_cidr_range = var.pods_cidr
  }

  secondary_ip_range {
    range_name    = var.names.services_range
    ip_cidr_range = var.services_cidr
  }
}

resource "google_compute_router" "this" {
  count = var.nat ? 1 : 0

  name        = var.names.router
  description = var.mark
  region      = var.region
  network     = google_compute_network.this.id
}

# Pulling images and packages opens many connections at once; the 64 ports that a machine gets by default break them off.
resource "google_compute_router_nat" "this" {
  count = var.nat ? 1 : 0

  name                                = var.names.nat
  router                              = google_compute_router.this[0].name
  region                              = var.region
  nat_ip_allocate_option              = "AUTO_ONLY"
  source_subnetwork_ip_ranges_to_nat  = "ALL_SUBNETWORKS_ALL_IP_RANGES"
  enable_dynamic_port_allocation      = true
  enable_endpoint_independent_mapping = false
  min_ports_per_vm                    = 1024
  max_ports_per_vm                    = 32768

  log_config {
    enable = true
    filter = "ERRORS_ONLY"
  }
}

# Identity-Aware Proxy's own addresses: SSH to machines without public ones, for those whom IAM lets through.
resource "google_compute_firewall" "iap" {
  name          = var.names.firewall_iap
  description   = var.mark
  network       = google_compute_network.this.id
  direction     = "INGRESS"
  source_ranges = ["35.235.240.0/20"]

  allow {
    protocol = "tcp"
    ports    = ["22"]
  }
}

# Dataflow's workers exchange data among themselves.
resource "google_compute_firewall" "dataflow" {
  name        = var.names.firewall_dataflow
  description = var.mark
  network     = google_compute_network.this.id
  direction   = "INGRESS"
  source_tags = ["dataflow"]
  target_tags = ["dataflow"]

  allow {
    protocol = "tcp"
    ports    = ["12345-12346"]
  }
}

resource "google_compute_global_address" "sql" {
  name          = var.names.sql_range
  description   = var.mark
  purpose       = "VPC_PEERING"
  address_type  = "INTERNAL"
  network       = google_compute_network.this.id
  address       = split("/", var.sql_cidr)[0]
  prefix_length = tonumber(split("/", var.sql_cidr)[1])
  labels        = var.labels
}

# Google refuses for days to delete a connection that a database used. It is left alone, and its peering is removed before
# the network goes.
resource "google_service_networking_connection" "sql" {
  network                 = google_compute_network.this.id
  service                 = "servicenetworking.googleapis.com"
  reserved_peering_ranges = [google_compute_global_address.sql.name]
  deletion_policy         = "ABANDON"
  update_on_creation_fail = true
}
