"""What reports are made of, and reports that came: counts by day, domain and kind that anybody adds to."""
