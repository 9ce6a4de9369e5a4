"""What a process tells of itself: log lines (logs.py), numbers and health (metrics.py, http.py)."""
