variable "project_id" {
  description = "Project of the cluster."
  type        = string
}

variable "zone" {
  description = "Zone of the cluster."
  type        = string
}

variable "name" {
  description = "Name of the cluster."
  type        = string
}

variable "node_pool_name" {
  description = "Name of the node pool."
  type        = string
}

variable "mark" {
  description = "What the description holds, so that the cluster is known as this environment's."
  type        = string
}

variable "labels" {
  description = "Labels of the cluster and its nodes."
  type        = map(string)
}

variable "network" {
  description = "Network of the cluster."
  type        = string
}

variable "subnetwork" {
  description = "Subnetwork of the nodes."
  type        = string
}

variable "pods_range" {
  description = "Name of the subnetwork's range for pods."
  type        = string
}

variable "services_range" {
  description = "Name of the subnetwork's range for services."
  type        = string
}

variable "egress" {
  description = "What the nodes need before they can reach out; its value does not matter."
  type        = string
}

variable "node_account" {
  description = "Address of the account that the nodes run as."
  type        = string
}

variable "nodes" {
  description = "Machines of the node pool."
  type = object({
    machine_type = string
    disk_gb      = number
    min          = number
    max          = number
    initial      = number
    surge        = number
  })
}

variable "private_nodes" {
  description = "Nodes without public addresses."
  type        = bool
}

variable "deletion_protection" {
  description = "The cluster can't be deleted while this is on."
  type        = bool
}
