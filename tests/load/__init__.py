"""Mail clients that write down every promise a server makes, and eyes that look for what was promised.

Reading order: messages.py (what is sent), ledger.py (what was promised, and what may therefore be found), wire.py and
clients.py (the load), reading.py (what is found over IMAP). tests/kill plays it on one process, tests/cluster on many.
"""
