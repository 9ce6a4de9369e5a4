"""WHO OWNS STATE.

Each actor is state.py (pure), keys.py (its key layout), shard.py and client.py (what others may ask).
"""
