variable "region" {
  description = "Location of the repository."
  type        = string
}

variable "name" {
  description = "Name of the repository."
  type        = string
}

variable "mark" {
  description = "What the description holds."
  type        = string
}

variable "labels" {
  description = "Labels of the repository."
  type        = map(string)
}

variable "readers" {
  description = "Addresses of the accounts that pull images, each by a key that is known beforehand."
  type        = map(string)
}

variable "writers" {
  description = "Addresses of the accounts that push images, each by a key that is known beforehand."
  type        = map(string)
}
