variable "project_id" {
  description = "Project of the accounts and of their roles."
  type        = string
}

variable "environment" {
  description = "Name of the environment, for what a person reads."
  type        = string
}

variable "mark" {
  description = "What the descriptions hold, so that the accounts are known as this environment's."
  type        = string
}

variable "account_ids" {
  description = "Ids of the accounts."
  type = object({
    pipelines = string
    nodes     = string
    build     = string
  })
}

variable "build_deploys" {
  description = "The build account may deploy to the cluster; it can then read every Secret in it."
  type        = bool
}
