"""WHO OWNS STATE. Each actor: state.py (pure), keys.py (its key layout), shard.py, client.py (what others may ask)."""
