"""The Domain Name System as the rest asks it: names in, records out, never an error."""
