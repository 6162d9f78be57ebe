output "members" {
  description = "The Kubernetes accounts that may act as the service account."
  value       = [for binding in google_service_account_iam_member.kubernetes : binding.member]
}
