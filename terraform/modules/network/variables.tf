variable "region" {
  description = "Region of the subnetwork and the router."
  type        = string
}

variable "names" {
  description = "Names of what is made here."
  type = object({
    network           = string
    subnetwork        = string
    pods_range        = string
    services_range    = string
    router            = string
    nat               = string
    sql_range         = string
    firewall_iap      = string
    firewall_dataflow = string
  })
}

variable "mark" {
  description = "What the descriptions hold, so that what has no labels is known as this environment's."
  type        = string
}

variable "labels" {
  description = "Labels for what takes them."
  type        = map(string)
}

variable "subnet_cidr" {
  description = "Range of the nodes."
  type        = string
}

variable "pods_cidr" {
  description = "Range of the pods."
  type        = string
}

variable "services_cidr" {
  description = "Range of the Kubernetes services."
  type        = string
}

variable "sql_cidr" {
  description = "Range that Cloud SQL's private addresses come from."
  type        = string
}

variable "nat" {
  description = "Machines without public addresses reach out through Cloud NAT."
  type        = bool
}
