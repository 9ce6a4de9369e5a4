"""Milters: filters beside the server that see each step of an SMTP session, decide, and change messages.

It keeps nothing between SMTP connections. Where no milter is configured it costs nothing.
"""
