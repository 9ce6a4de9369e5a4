"""The types of records: their properties, and what a client may put into them."""
