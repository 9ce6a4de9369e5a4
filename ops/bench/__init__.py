"""Benchmarks: Rookery measured beside its peers, in one run."""
