"""The queue of outgoing mail: entries by destination domain, lent to workers that deliver."""
