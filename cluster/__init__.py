"""WHERE IT IS: configuration, stores, blobs, hosting, observation. Nothing here knows mail."""
