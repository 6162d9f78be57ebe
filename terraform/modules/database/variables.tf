variable "region" {
  description = "Region of the instance and its backups."
  type        = string
}

variable "name" {
  description = "Name of the instance; it stays reserved for a week after deletion."
  type        = string
}

variable "labels" {
  description = "Labels of the instance."
  type        = map(string)
}

variable "network" {
  description = "Network that the instance has its one address in; it must have a peering with Service Networking."
  type        = string
}

variable "allocated_range" {
  description = "Name of the range that the address comes from; null: any of the peering's."
  type        = string
}

variable "sql" {
  description = "MySQL version, tier and availability."
  type = object({
    version      = string
    tier         = string
    availability = string
  })
}

variable "deletion_protection" {
  description = "The instance can be deleted neither by Terraform nor by anything else while this is on."
  type        = bool
}
