"""Fault tests of a cluster: real processes over a real etcd, PostgreSQL and MinIO, hit while mail flows.

Reading order: services.py (what keeps the state), hosting.py (what runs the processes), running.py (the cluster),
traffic.py (the load: tests/load over all gateways), watching.py (IDLE clients), faults.py (what is done to it),
rounds.py (one fault after the other, and what it cost). `python -m tests.cluster --help` for people.
"""
