"""Searching messages, whatever the protocol: IMAP's SEARCH and JMAP's Email/query ask the same of the same machinery.

The law: what is found is what reading every message would find; columns, index and briefs only find it sooner.
"""
