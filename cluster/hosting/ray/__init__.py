"""The `ray` hosting: Ray starts, names, places and restarts our processes; nothing else of Ray is used. What they say
to each other goes through cluster/rpc, so that it goes on while Ray's control service is away."""
