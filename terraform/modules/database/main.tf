resource "google_sql_database_instance" "this" {
  name                = var.name
  region              = var.region
  database_version    = var.sql.version
  deletion_protection = var.deletion_protection

  # root@% is there until the provider deletes it, and would be open to the whole network if that did not come about. Nobody
  # needs to know its password: it is made up when it is set, and neither the state nor a plan holds it.
  root_password_wo         = uuid()
  root_password_wo_version = "1"

  settings {
    # Left out, the API may choose ENTERPRISE_PLUS, which knows none of these tiers.
    edition                     = "ENTERPRISE"
    tier                        = var.sql.tier
    availability_type           = var.sql.availability
    disk_type                   = "PD_SSD"
    disk_size                   = 10
    disk_autoresize             = true
    connector_enforcement       = "REQUIRED"
    deletion_protection_enabled = var.deletion_protection
    user_labels                 = var.labels

    ip_configuration {
      ipv4_enabled       = false
      private_network    = var.network
      allocated_ip_range = var.allocated_range
      ssl_mode           = "ENCRYPTED_ONLY"
    }

    # Left out, backups go to a multi-region, which a policy on locations may forbid.
    backup_configuration {
      enabled                        = true
      binary_log_enabled             = true
      location                       = var.region
      start_time                     = "03:00"
      transaction_log_retention_days = 7

      backup_retention_settings {
        retained_backups = 7
      }
    }

    maintenance_window {
      day          = 7
      hour         = 4
      update_track = "stable"
    }
  }

  timeouts {
    create = "40m"
    update = "40m"
    delete = "30m"
  }

  lifecycle {
    # The disk grows by itself. An imported instance has no root@% any more whose password could be set.
    ignore_changes = [settings[0].disk_size, root_password_wo_version]
  }
}
