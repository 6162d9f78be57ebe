resource "google_container_cluster" "this" {
  name                = var.name
  description         = var.mark
  location            = var.zone
  resource_labels     = var.labels
  deletion_protection = var.deletion_protection

  network           = var.network
  subnetwork        = var.subnetwork
  networking_mode   = "VPC_NATIVE"
  datapath_provider = "ADVANCED_DATAPATH"

  enable_shielded_nodes    = true
  remove_default_node_pool = true

  # Google insists on a first pool. Written out here it has an account, a disk and a secure boot that policies accept; as an
  # argument of its own it would have none of them.
  node_pool {
    name               = "default-pool"
    initial_node_count = 1

    node_config {
      machine_type    = "e2-medium"
      disk_size_gb    = 30
      disk_type       = "pd-standard"
      service_account = var.node_account
      oauth_scopes    = ["https://www.googleapis.com/auth/cloud-platform"]

      shielded_instance_config {
        enable_secure_boot          = true
        enable_integrity_monitoring = true
      }
    }
  }

  release_channel {
    channel = "REGULAR"
  }

  ip_allocation_policy {
    cluster_secondary_range_name  = var.pods_range
    services_secondary_range_name = var.services_range
  }

  workload_identity_config {
    workload_pool = "${var.project_id}.svc.id.goog"
  }

  private_cluster_config {
    enable_private_nodes = var.private_nodes
  }

  # The API server answers at a name with a publicly trusted certificate, to those whom IAM lets through, and at no address.
  control_plane_endpoints_config {
    dns_endpoint_config {
      allow_external_traffic = true
    }

    ip_endpoints_config {
      enabled = false
    }
  }

  addons_config {
    gcs_fuse_csi_driver_config {
      enabled = true
    }

    # Nothing needs it, and the load balancers it makes would hold the network when everything else is gone.
    http_load_balancing {
      disabled = true
    }
  }

  timeouts {
    create = "40m"
    update = "40m"
    delete = "40m"
  }

  lifecycle {
    ignore_changes = [node_pool, node_config, initial_node_count]
  }
}

resource "google_container_node_pool" "this" {
  name               = var.node_pool_name
  cluster            = google_container_cluster.this.name
  location           = var.zone
  initial_node_count = var.nodes.initial

  autoscaling {
    min_node_count = var.nodes.min
    max_node_count = var.nodes.max
  }

  management {
    auto_repair  = true
    auto_upgrade = true
  }

  upgrade_settings {
    max_surge       = var.nodes.surge
    max_unavailable = var.nodes.surge == 0 ? 1 : 0
  }

  node_config {
    machine_type    = var.nodes.machine_type
    disk_size_gb    = var.nodes.disk_gb
    disk_type       = "pd-balanced"
    image_type      = "COS_CONTAINERD"
    service_account = var.node_account
    oauth_scopes    = ["https://www.googleapis.com/auth/cloud-platform"]
    resource_labels = var.labels

    shielded_instance_config {
      enable_secure_boot          = true
      enable_integrity_monitoring = true
    }

    workload_metadata_config {
      mode = "GKE_METADATA"
    }
  }

  timeouts {
    create = "30m"
    update = "30m"
    delete = "30m"
  }

  lifecycle {
    # A resize from outside changes it, and a change would replace the pool.
    ignore_changes = [initial_node_count]

    precondition {
      condition     = !var.private_nodes || var.egress != ""
      error_message = "Nodes without public addresses need a way out of the network."
    }
  }
}
