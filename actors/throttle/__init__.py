"""Throttles: how often, and how many at once, for any key; one count for the whole cluster."""
