"""Policies that other domains have published and that must outlive us: MTA-STS (RFC 8461)."""
