terraform {
  # As the platform, whose providers it shares.
  required_version = ">= 1.11"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 7.45, < 9.0"
    }
  }
}

# Services that answer by client project (Service Networking among them) would otherwise be charged to the project of the
# credentials, which in Cloud Shell is Google's own.
provider "google" {
  project               = var.project_id
  region                = var.region
  zone                  = var.zone
  user_project_override = true
  billing_project       = var.project_id
  default_labels        = local.labels
}
