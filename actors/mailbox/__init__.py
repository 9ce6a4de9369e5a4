"""Mailboxes: a log of events an account, with one writer, and packed indexes that are caches of the log.

Reading order: types.py (what others see), events.py (the log), index.py (packed rows), state.py (what an account
is), decide.py (what a command does), keys.py (where it is stored), storage.py (load and flush), owner.py (what may
be asked), shard.py (group commit), view.py, views.py, follow.py and client.py (what a gateway holds); and between
processes wire.py, service.py and remote.py.
"""
