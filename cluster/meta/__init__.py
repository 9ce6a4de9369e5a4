"""The metadata store: ordered keys with transactions, shaped by what FoundationDB does well (store.py).

LMDB is the embedded default, SQLite the second real one, memory the twin; one contract suite runs over all.
"""
