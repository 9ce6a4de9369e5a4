"""HOW IT IS RUN: command line, admin service, benchmarks, docs."""
