"""The metadata store: ordered keys with transactions, shaped by what FoundationDB does well (store.py).

LMDB is the embedded default, SQLite the second real one, memory the twin; PostgreSQL and FoundationDB are across
the network. One contract suite runs over all.
"""
