"""Measuring this server beside others, on this machine: `rookery bench` (ops/cli/bench.py) and the stores alone."""
