"""The admin service over HTTPS: the calls of rookery.admin.v1 as resources of /api/v1, described by OpenAPI."""
