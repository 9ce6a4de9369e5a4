"""Our own gRPC schemas with their generated code (made by `ops/generate.sh`, checked in)."""
