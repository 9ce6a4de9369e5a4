"""Whole requests of several JMAP clients, in their grammar and out of it, against a whole server in one event loop.

Reading order: words.py (values), calls.py (arguments of every method, spoilt now and then), script.py (what several
clients ask), play.py (the promises).
"""
