locals {
  labels = merge(var.labels, {
    mlops-env    = var.environment
    mlops-env-id = var.environment_id
  })

  # What marks a resource as this environment's where its type has no labels.
  mark = "mlops-env-id=${var.environment_id}"

  # A value each, since what reads one of several in an object waits for them all: the cluster needs no peering.
  network        = var.given_network != null ? var.given_network.network : module.network[0].network
  subnetwork     = var.given_network != null ? var.given_network.subnetwork : module.network[0].subnetwork
  pods_range     = var.given_network != null ? var.given_network.pods_range : module.network[0].pods_range
  services_range = var.given_network != null ? var.given_network.services_range : module.network[0].services_range
  sql_network    = var.given_network != null ? var.given_network.network : module.network[0].sql_network
  sql_range      = var.given_network != null ? null : module.network[0].sql_range
  egress         = var.given_network != null ? null : module.network[0].egress

  accounts = var.given_accounts != null ? var.given_accounts : {
    pipelines = module.accounts[0].emails.pipelines
    nodes     = module.accounts[0].emails.nodes
    build     = module.accounts[0].emails.build
  }

  registry = var.given_registry != null ? {
    project  = split("/", var.given_registry)[1]
    location = split("/", var.given_registry)[3]
    name     = split("/", var.given_registry)[5]
  } : module.registry[0].registry
}

module "accounts" {
  source = "../modules/accounts"
  count  = var.given_accounts == null ? 1 : 0

  project_id    = var.project_id
  mark          = local.mark
  account_ids   = { pipelines = var.names.pipelines_account, nodes = var.names.nodes_account, build = var.names.build_account }
  environment   = var.environment
  build_deploys = var.build_deploys
}

module "network" {
  source = "../modules/network"
  count  = var.given_network == null ? 1 : 0

  region        = var.region
  names         = var.names
  mark          = local.mark
  labels        = local.labels
  subnet_cidr   = var.subnet_cidr
  pods_cidr     = var.pods_cidr
  services_cidr = var.services_cidr
  sql_cidr      = var.sql_cidr
  nat           = var.nat
}

module "cluster" {
  source = "../modules/cluster"

  project_id          = var.project_id
  zone                = var.zone
  name                = var.names.cluster
  node_pool_name      = var.names.node_pool
  mark                = local.mark
  labels              = local.labels
  network             = local.network
  subnetwork          = local.subnetwork
  pods_range          = local.pods_range
  services_range      = local.services_range
  egress              = local.egress
  node_account        = local.accounts.nodes
  nodes               = var.nodes
  private_nodes       = var.private_nodes
  deletion_protection = var.deletion_protection
}

# The pool of identities belongs to the project, and comes into being with its first cluster that has Workload Identity.
module "workload_identity" {
  source = "../modules/workload_identity"
  count  = var.given_accounts == null ? 1 : 0

  account_id    = module.accounts[0].names.pipelines
  workload_pool = module.cluster.workload_pool
  namespace     = var.kubernetes_namespace
}

module "database" {
  source = "../modules/database"

  region              = var.region
  name                = var.names.sql_instance
  labels              = local.labels
  network             = local.sql_network
  allocated_range     = local.sql_range
  sql                 = var.sql
  deletion_protection = var.deletion_protection
}

module "storage" {
  source = "../modules/storage"

  region                 = var.region
  labels                 = local.labels
  artifact_bucket        = var.names.artifact_bucket
  given_artifact_bucket  = var.given_bucket
  build_bucket           = var.names.build_bucket
  pipelines_account      = local.accounts.pipelines
  build_account          = local.accounts.build
  delete_with_everything = var.delete_artifacts
}

module "registry" {
  source = "../modules/registry"
  count  = var.given_registry == null ? 1 : 0

  region  = var.region
  name    = var.names.registry
  mark    = local.mark
  labels  = local.labels
  readers = { pipelines = local.accounts.pipelines, nodes = local.accounts.nodes }
  writers = { build = local.accounts.build }
}
