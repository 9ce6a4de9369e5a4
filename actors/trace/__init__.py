"""What happened to each message, so that "why?" has an answer. Facts never change, so nobody owns them."""
