variable "project_id" {
  description = "Project that everything is made in."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "project_id must be 6 to 30 lower-case letters, digits and hyphens, beginning with a letter and not ending in a hyphen."
  }
}

variable "region" {
  description = "Region of the network, Cloud SQL, the buckets and the registry."
  type        = string

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region must be the name of a region, as in us-central1."
  }
}

variable "zone" {
  description = "Zone of the cluster, in the region."
  type        = string

  validation {
    condition     = startswith(var.zone, "${var.region}-")
    error_message = "zone must be a zone of the region."
  }
}

variable "environment" {
  description = "Name of the environment; the value of the label mlops-env."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,15}$", var.environment))
    error_message = "environment must be 2 to 16 lower-case letters, digits and hyphens, beginning with a letter."
  }
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

  validation {
    condition     = alltrue([for key, value in var.labels : can(regex("^[a-z][a-z0-9_-]{0,62}$", key)) && can(regex("^[a-z0-9_-]{0,63}$", value))])
    error_message = "labels must have keys and values of at most 63 lower-case letters, digits, _ and -, and keys begin with a letter."
  }
}

variable "names" {
  description = "Names of what is made here. Accounts, buckets and the SQL instance must not have been used before: their names are global, or stay reserved after deletion."
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
    cluster           = string
    node_pool         = string
    registry          = string
    sql_instance      = string
    artifact_bucket   = string
    build_bucket      = string
    pipelines_account = string
    nodes_account     = string
    build_account     = string
  })

  validation {
    condition = alltrue([
      for name in [var.names.pipelines_account, var.names.nodes_account, var.names.build_account] :
      can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", name))
    ])
    error_message = "Ids of service accounts must be 6 to 30 lower-case letters, digits and hyphens, beginning with a letter."
  }

  validation {
    condition     = length(var.names.cluster) <= 40 && length(var.names.node_pool) <= 40
    error_message = "Names of a cluster and of a node pool have at most 40 characters."
  }

  validation {
    condition     = alltrue([for name in [var.names.artifact_bucket, var.names.build_bucket] : can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", name))])
    error_message = "Names of buckets must be 3 to 63 lower-case letters, digits and hyphens."
  }
}

variable "subnet_cidr" {
  description = "Range of the nodes."
  type        = string
  default     = "10.0.0.0/20"

  validation {
    condition     = can(cidrnetmask(var.subnet_cidr))
    error_message = "subnet_cidr must be an IPv4 range in CIDR form."
  }
}

variable "pods_cidr" {
  description = "Range of the pods."
  type        = string
  default     = "10.4.0.0/14"

  validation {
    condition     = can(cidrnetmask(var.pods_cidr))
    error_message = "pods_cidr must be an IPv4 range in CIDR form."
  }
}

variable "services_cidr" {
  description = "Range of the Kubernetes services."
  type        = string
  default     = "10.8.0.0/20"

  validation {
    condition     = can(cidrnetmask(var.services_cidr))
    error_message = "services_cidr must be an IPv4 range in CIDR form."
  }
}

variable "sql_cidr" {
  description = "Range that Cloud SQL's private addresses come from."
  type        = string
  default     = "10.9.0.0/20"

  validation {
    condition     = can(cidrnetmask(var.sql_cidr)) && try(tonumber(split("/", var.sql_cidr)[1]) <= 24, false)
    error_message = "sql_cidr must be an IPv4 range in CIDR form, a /24 or larger."
  }
}

variable "private_nodes" {
  description = "Nodes without public addresses, which reach out through Cloud NAT."
  type        = bool
  default     = true
}

variable "nat" {
  description = "Cloud NAT, through which machines without public addresses reach out: private nodes, and a notebook."
  type        = bool
  default     = true

  validation {
    condition     = var.nat || !var.private_nodes || var.given_network != null
    error_message = "Nodes without public addresses need Cloud NAT."
  }
}

variable "nodes" {
  description = "Machines of the cluster: type, disk, the least and the most nodes, how many to begin with, and how many more an upgrade may add for a while (0: it takes one away instead)."
  type = object({
    machine_type = string
    disk_gb      = number
    min          = number
    max          = number
    initial      = number
    surge        = number
  })

  validation {
    condition     = var.nodes.min >= 0 && var.nodes.max >= 1 && var.nodes.min <= var.nodes.max
    error_message = "nodes.min must not be above nodes.max, and nodes.max must be at least 1."
  }

  validation {
    condition     = var.nodes.initial >= var.nodes.min && var.nodes.initial <= var.nodes.max
    error_message = "nodes.initial must lie between nodes.min and nodes.max."
  }

  validation {
    condition     = var.nodes.disk_gb >= 20
    error_message = "nodes.disk_gb must be at least 20."
  }
}

variable "sql" {
  description = "The Cloud SQL instance: MySQL version, an ENTERPRISE tier, and ZONAL or REGIONAL."
  type = object({
    version      = string
    tier         = string
    availability = string
  })

  validation {
    condition     = contains(["MYSQL_8_4", "MYSQL_8_0"], var.sql.version)
    error_message = "sql.version must be MYSQL_8_4 or MYSQL_8_0: ML Metadata can't sign in to later ones."
  }

  validation {
    condition     = can(regex("^db-(f1-micro|g1-small|custom-[0-9]+-[0-9]+)$", var.sql.tier))
    error_message = "sql.tier must be db-f1-micro, db-g1-small or db-custom-CPUS-MEGABYTES."
  }

  validation {
    condition     = contains(["ZONAL", "REGIONAL"], var.sql.availability)
    error_message = "sql.availability must be ZONAL or REGIONAL."
  }
}

variable "kubernetes_namespace" {
  description = "Namespace of Kubeflow Pipelines, whose service accounts act as the pipelines' account."
  type        = string
  default     = "kubeflow"
}

variable "build_deploys" {
  description = "The build account may deploy to the cluster; it can then read every Secret in it."
  type        = bool
  default     = true
}

variable "deletion_protection" {
  description = "Neither the cluster nor the database can be deleted while this is on. Switch it on once there is something to protect, and off, with an apply, before a destroy."
  type        = bool
  default     = false
}

variable "delete_artifacts" {
  description = "A destroy may delete the artifact bucket with everything in it."
  type        = bool
  default     = false
}

variable "given_network" {
  description = "A network that is there already, with a peering for Cloud SQL, to be used and never changed; self links of network and subnetwork, names of the subnetwork's secondary ranges. null: one is made."
  type = object({
    network        = string
    subnetwork     = string
    pods_range     = string
    services_range = string
  })
  default = null

  validation {
    condition     = var.given_network == null ? true : can(regex("^(https://www.googleapis.com/compute/v1/)?projects/[^/]+/global/networks/[^/]+$", var.given_network.network))
    error_message = "given_network.network must be a network's self link, projects/PROJECT/global/networks/NAME."
  }
}

variable "given_accounts" {
  description = "Addresses of service accounts that are there already, with their roles, to be used and never changed. null: they are made."
  type = object({
    pipelines = string
    nodes     = string
    build     = string
  })
  default = null

  validation {
    condition     = var.given_accounts == null ? true : alltrue([for address in values(var.given_accounts) : can(regex("^[^@]+@[^@]+$", address))])
    error_message = "given_accounts must hold addresses of service accounts."
  }
}

variable "given_bucket" {
  description = "Name of an artifact bucket that is there already, to be used and never changed. null: one is made."
  type        = string
  default     = null
}

variable "given_registry" {
  description = "Artifact Registry repository that is there already, as projects/PROJECT/locations/LOCATION/repositories/NAME, to be used and never changed. null: one is made."
  type        = string
  default     = null

  validation {
    condition     = var.given_registry == null ? true : can(regex("^projects/[^/]+/locations/[^/]+/repositories/[^/]+$", var.given_registry))
    error_message = "given_registry must be projects/PROJECT/locations/LOCATION/repositories/NAME."
  }
}
