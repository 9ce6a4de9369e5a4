"""Kill tests: a real server is killed at random moments under load, and must have kept every promise it made.

Reading order: messages.py (what is sent), ledger.py (what was promised, and what may therefore be found), clients.py
(the load), reading.py (what is found over IMAP), inside.py (what is found in the store), rounds.py (one after the
other). `python -m tests.kill --help` for people; test_kill.py runs a few rounds in the suite.
"""
