"""Which shard owns which slot: pure arithmetic, the map, the claims of an owner, the controller that changes it."""
