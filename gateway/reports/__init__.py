"""Reports to other domains about their mail, made from counts and sent; and reports from others, read and kept."""
