"""JMAP clients that keep what they know and ask only for changes, while others change things over JMAP and IMAP.

Reading order: cache.py (one client), acting.py (what others do), play.py (the promise).
"""
