"""Blobs: immutable, content-addressed bytes. In memory (twin), in the metadata store, on the file system."""
