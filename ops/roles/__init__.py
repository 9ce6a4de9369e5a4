"""What runs in each process of a cluster, put together from settings: gateway, shard (of each kind), controller.

A role is an asynchronous context manager, `role(settings, place)`: entered, it serves; left, it has kept its promises.
Whoever hosts it (cluster/hosting/ray) knows no more of it than that.
"""
