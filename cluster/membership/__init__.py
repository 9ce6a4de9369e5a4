"""Who is there: a registry with leases and watches (etcd; in memory), and what members write into it."""
