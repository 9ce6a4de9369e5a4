"""A whole cluster in one process from one seed: the real classes over a simulated network, store, registry and clock.

Reading order: loop.py (virtual time), network.py, store.py, world.py (processes), faults.py, load.py and jmap.py
(clients), ledger.py and invariants.py (what must hold), run.py (one seed).
"""
