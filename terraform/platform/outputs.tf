output "pipelines_account" {
  description = "Address of the account that pipelines run as."
  value       = local.accounts.pipelines
}

output "nodes_account" {
  description = "Address of the account of the cluster's nodes."
  value       = local.accounts.nodes
}

output "build_account" {
  description = "Address of the account that builds run as."
  value       = local.accounts.build
}

output "network" {
  description = "Self link of the network."
  value       = local.network
}

output "subnetwork" {
  description = "Self link of the subnetwork."
  value       = local.subnetwork
}

output "cluster" {
  description = "Resource name of the cluster."
  value       = module.cluster.id
}

output "cluster_endpoint" {
  description = "Name of the cluster's DNS endpoint, whose certificate is publicly trusted."
  value       = module.cluster.dns_endpoint
}

output "node_pool" {
  description = "Resource name of the node pool."
  value       = module.cluster.node_pool_id
}

output "sql_instance" {
  description = "Connection name of the Cloud SQL instance, as the Auth Proxy takes it."
  value       = module.database.connection_name
}

output "artifact_bucket" {
  description = "Name of the bucket that pipelines leave their artifacts in."
  value       = module.storage.artifact_bucket
}

output "build_bucket" {
  description = "Name of the bucket of build sources and logs."
  value       = module.storage.build_bucket
}

output "registry" {
  description = "What the name of an image begins with."
  value       = "${local.registry.location}-docker.pkg.dev/${local.registry.project}/${local.registry.name}"
}
