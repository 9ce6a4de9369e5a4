"""The admin service: what an operator may ask of a running server, over gRPC (proto/wire/admin.proto)."""
