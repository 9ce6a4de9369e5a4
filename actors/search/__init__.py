"""Search: what SEARCH TEXT, BODY, FROM …, FUZZY, SORT and THREAD read instead of messages.

Reading order: tokens.py (runs of characters), entry.py and brief.py (what an index has of a message), segment.py (how
it is kept), build.py and merge.py (how it is made), matching.py and recent.py (what is found in it), fuzzy.py and
language.py; then keys.py, state.py, indexer.py (who keeps it up) and index.py and client.py (what a gateway asks).
"""
