"""Kill tests: a real server is killed at random moments under load, and must have kept every promise it made.

Reading order: tests/load (clients and their ledger), inside.py (what is found in the store), rounds.py (one after the
other). Of mail to other servers: sink.py (who takes it, badly), outgoing.py (what was promised), queue_rounds.py.
`python -m tests.kill --help` for people; test_kill.py and test_queue.py run a few rounds in the suite.
"""
