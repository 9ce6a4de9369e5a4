"""A reader of all that an IMAP server may say, which takes nothing that is not in the grammar.

Reading order: stream.py (whole responses out of bytes), cursor.py (the words of the grammar), codes.py, fetching.py and
data.py (what stands in a response), responses.py (one response as a value).
"""
