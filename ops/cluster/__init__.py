"""Running a cluster: what the command line and the admin service do to it, through the registry and Ray."""
