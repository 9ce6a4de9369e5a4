"""Whole IMAP sessions of random commands, valid and broken, against a server in one event loop.

Reading order: words.py (arguments), commands.py (every command there is), script.py (what several clients do, made
before anything runs), play.py (one script against a server, and what must hold), shrinking.py (the least that fails).
`python -m tests.fuzz.session` for people; test_session.py plays some in the suite.
"""
