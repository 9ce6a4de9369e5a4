"""The data plane: one multiplexed, batching stream from a process to each it calls. Knows neither mail nor placement
but by the Protocols it is given."""
