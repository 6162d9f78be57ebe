variable "account_id" {
  description = "Resource name of the service account that the Kubernetes accounts act as."
  type        = string
}

variable "workload_pool" {
  description = "The project's pool of identities, known once a cluster has it."
  type        = string
}

variable "namespace" {
  description = "Namespace of the Kubernetes accounts."
  type        = string
}
