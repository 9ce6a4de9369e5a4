"""The internal directory: which addresses are ours, whose they are, and who may say so with a password."""
