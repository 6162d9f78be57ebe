variable "region" {
  description = "Location of the buckets."
  type        = string
}

variable "labels" {
  description = "Labels of the buckets."
  type        = map(string)
}

variable "artifact_bucket" {
  description = "Name of the artifact bucket."
  type        = string
}

variable "given_artifact_bucket" {
  description = "Name of an artifact bucket that is there already; null: one is made."
  type        = string
}

variable "build_bucket" {
  description = "Name of the bucket of build sources and logs."
  type        = string
}

variable "pipelines_account" {
  description = "Address of the account that pipelines run as."
  type        = string
}

variable "build_account" {
  description = "Address of the account that builds run as."
  type        = string
}

variable "delete_with_everything" {
  description = "A destroy may delete the artifact bucket with everything in it."
  type        = bool
}
