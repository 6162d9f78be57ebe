variable "project_id" {
  description = "Project that everything is made in."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "project_id must be 6 to 30 lower-case letters, digits and hyphens, beginning with a letter and not ending in a hyphen."
  }
}

variable "region" {
  description = "Region of the network and the registry."
  type        = string
}

variable "zone" {
  description = "Zone of the instance, in the region."
  type        = string

  validation {
    condition     = startswith(var.zone, "${var.region}-")
    error_message = "zone must be a zone of the region."
  }
}

variable "environment" {
  description = "Name of the environment; the value of the label mlops-env."
  type        = string
}

variable "environment_id" {
  description = "Random id that marks everything of this environment: in the label mlops-env-id, or in a description where a type has no labels."
  type        = string

  validation {
    condition     = can(regex("^[a-z]{6}$", var.environment_id))
    error_message = "environment_id must be six lower-case letters."
  }
}

variable "labels" {
  description = "Further labels for everything that takes them."
  type        = map(string)
  default     = {}
}

variable "name" {
  description = "Name of the instance."
  type        = string
}

variable "account_id" {
  description = "Id of the account that the notebook runs as. It must not have been used before: ids stay reserved after deletion."
  type        = string
}

variable "kind" {
  description = "container: JupyterLab in the image; vm: a machine with Docker, on which the image runs as the container dev."
  type        = string

  validation {
    condition     = contains(["container", "vm"], var.kind)
    error_message = "kind must be container or vm."
  }
}

variable "image" {
  description = "Image of a notebook of the kind container: repository and tag."
  type = object({
    repository = string
    tag        = string
  })
}

variable "network" {
  description = "Network of the instance, as projects/PROJECT/global/networks/NETWORK."
  type        = string
}

variable "subnetwork" {
  description = "Subnetwork of the instance, as projects/PROJECT/regions/REGION/subnetworks/SUBNETWORK; with private Google access."
  type        = string
}

variable "registry" {
  description = "Docker repository that the image is pulled from."
  type = object({
    project  = string
    location = string
    name     = string
  })
}

variable "artifact_bucket" {
  description = "Bucket that the notebook may read and write."
  type        = string
}

variable "build_bucket" {
  description = "Bucket that holds the start-up script."
  type        = string
}

variable "startup_script" {
  description = "Script that a VM runs at each boot, as gs://BUCKET/OBJECT; empty for none."
  type        = string
  default     = ""

  validation {
    condition     = var.startup_script == "" || startswith(var.startup_script, "gs://")
    error_message = "startup_script must be a Cloud Storage path, as in gs://BUCKET/OBJECT."
  }
}

variable "machine_type" {
  description = "Machine type of the instance."
  type        = string
  default     = "e2-standard-4"
}

variable "disk_type" {
  description = "Type of its two disks: the boot disk, and the data disk that outlives it."
  type        = string
  default     = "PD_BALANCED"
}

variable "idle_seconds" {
  description = "Seconds without use after which a notebook of the kind container stops by itself; 0: never."
  type        = number
  default     = 10800
}

variable "desired_state" {
  description = "ACTIVE, or STOPPED for one that is to stay stopped."
  type        = string
  default     = "ACTIVE"

  validation {
    condition     = contains(["ACTIVE", "STOPPED"], var.desired_state)
    error_message = "desired_state must be ACTIVE or STOPPED."
  }
}
