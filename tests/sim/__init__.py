"""The simulator's own proofs: a thousand seeds, the same run twice, and planted bugs that it has to find."""
