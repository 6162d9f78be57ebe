locals {
  labels = merge(var.labels, {
    mlops-env    = var.environment
    mlops-env-id = var.environment_id
  })

  # What marks a resource as this environment's where its type has no labels.
  mark = "mlops-env-id=${var.environment_id}"

  # One role at a time: what a notebook does by hand, a pipeline does by itself, so it may do what that may. It reaches the
  # cluster, where what it may do is Kubernetes' to say.
  roles = [
    "roles/aiplatform.user",
    "roles/bigquery.dataEditor",
    "roles/bigquery.jobUser",
    "roles/container.clusterViewer",
    "roles/logging.logWriter",
    "roles/monitoring.metricWriter",
  ]

  # OS Login decides who may sign in: Workbench's own default, and the provider sends none of what Workbench sets by itself. A
  # container's JupyterLab tells when it is idle; a VM has a watcher of its own, which counts ssh and Docker too, so Workbench's
  # is switched off there.
  metadata = merge({
    idle-timeout-seconds = var.kind == "container" && var.idle_seconds > 0 ? tostring(var.idle_seconds) : ""
    }, var.startup_script == "" ? {} : {
    post-startup-script          = var.startup_script
    post-startup-script-behavior = "run_every_start"
  })
}

resource "google_service_account" "notebook" {
  account_id   = var.account_id
  display_name = "${var.environment}: runs the notebook"
  description  = local.mark
}

resource "google_project_iam_member" "notebook" {
  for_each = toset(local.roles)

  project = var.project_id
  role    = each.value
  member  = google_service_account.notebook.member
}

resource "google_artifact_registry_repository_iam_member" "notebook" {
  location   = var.registry.location
  repository = var.registry.name
  project    = var.registry.project
  role       = "roles/artifactregistry.reader"
  member     = google_service_account.notebook.member
}

resource "google_storage_bucket_iam_member" "artifacts" {
  for_each = toset(["roles/storage.legacyBucketReader", "roles/storage.objectUser"])

  bucket = var.artifact_bucket
  role   = each.value
  member = google_service_account.notebook.member
}

# The script that a VM runs at each boot, which it can't change.
resource "google_storage_bucket_iam_member" "startup" {
  bucket = var.build_bucket
  role   = "roles/storage.objectViewer"
  member = google_service_account.notebook.member
}

resource "google_workbench_instance" "this" {
  name          = var.name
  location      = var.zone
  labels        = local.labels
  desired_state = var.desired_state

  gce_setup {
    machine_type      = var.machine_type
    disable_public_ip = true
    metadata          = local.metadata

    boot_disk {
      disk_type    = var.disk_type
      disk_size_gb = 150
    }

    data_disks {
      disk_type    = var.disk_type
      disk_size_gb = 100
    }

    network_interfaces {
      network = var.network
      subnet  = var.subnetwork
    }

    service_accounts {
      email = google_service_account.notebook.email
    }

    shielded_instance_config {
      enable_secure_boot          = true
      enable_vtpm                 = true
      enable_integrity_monitoring = true
    }

    dynamic "container_image" {
      for_each = var.kind == "container" ? [var.image] : []

      content {
        repository = container_image.value.repository
        tag        = container_image.value.tag
      }
    }

    dynamic "vm_image" {
      for_each = var.kind == "vm" ? [true] : []

      content {
        project = "cloud-notebooks-managed"
        family  = "workbench-instances-2603"
      }
    }
  }

  timeouts {
    create = "40m"
  }

  # Workbench adds metadata of its own, which would be a change for ever; owners and the kinds of disk are never read back, and
  # would replace what was imported; a family of images moves on, and what is there stays; a disk that someone grew stays so.
  lifecycle {
    ignore_changes = [
      gce_setup[0].metadata, gce_setup[0].vm_image, gce_setup[0].boot_disk[0].disk_type,
      gce_setup[0].data_disks[0].disk_type, gce_setup[0].boot_disk[0].disk_size_gb,
      gce_setup[0].data_disks[0].disk_size_gb, instance_owners,
    ]
  }

  # It pulls its image, and reads its script, when it boots.
  depends_on = [
    google_artifact_registry_repository_iam_member.notebook,
    google_project_iam_member.notebook,
    google_storage_bucket_iam_member.startup,
  ]
}
