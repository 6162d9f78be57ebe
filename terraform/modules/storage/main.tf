# Versions keep what a pipeline overwrote. Soft delete would keep, and bill, everything once more.
resource "google_storage_bucket" "artifacts" {
  count = var.given_artifact_bucket == null ? 1 : 0

  name                        = var.artifact_bucket
  location                    = var.region
  labels                      = var.labels
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = var.delete_with_everything

  versioning {
    enabled = true
  }

  soft_delete_policy {
    retention_duration_seconds = 0
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }

    condition {
      num_newer_versions = 3
      with_state         = "ARCHIVED"
    }
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }

    condition {
      days_since_noncurrent_time = 30
      with_state                 = "ANY"
    }
  }
}

# Cloud Build appends to a log by writing the object anew, so it is not versioned.
resource "google_storage_bucket" "build" {
  name                        = var.build_bucket
  location                    = var.region
  labels                      = var.labels
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = true

  soft_delete_policy {
    retention_duration_seconds = 0
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }

    # What a notebook runs at each boot lies here too, and stays.
    condition {
      age            = 30
      matches_prefix = ["log-", "sources/"]
    }
  }
}

resource "google_storage_bucket_iam_member" "pipelines" {
  for_each = var.given_artifact_bucket == null ? toset(["roles/storage.legacyBucketReader", "roles/storage.objectUser"]) : toset([])

  bucket = google_storage_bucket.artifacts[0].name
  role   = each.value
  member = "serviceAccount:${var.pipelines_account}"
}

resource "google_storage_bucket_iam_member" "build" {
  for_each = toset(["roles/storage.legacyBucketReader", "roles/storage.objectUser"])

  bucket = google_storage_bucket.build.name
  role   = each.value
  member = "serviceAccount:${var.build_account}"
}
