"""Reputation: how much mail of which sort a source (address, network, domain) has sent lately."""
