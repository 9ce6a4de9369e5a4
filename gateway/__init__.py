"""WHO ANSWERS: one folder a protocol. A gateway keeps nothing between connections."""
