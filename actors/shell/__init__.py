"""What every kind of shard but the mailbox's shares: an owner of slots that keeps small units, one store row each.

A further kind is four small files: types.py (commands and answers, msgspec Structs), keys.py (a Layout with a letter of
its own), state.py (a Kind: pure decisions over units), client.py (methods over shell.client.Asking). Loading, caching,
group commit, claims, timers, expiry, moves and metrics are here.
"""
