output "connection_name" {
  description = "PROJECT:REGION:INSTANCE, as the Auth Proxy takes it."
  value       = google_sql_database_instance.this.connection_name
}
