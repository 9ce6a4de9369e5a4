"""Where pieces run: `alone`, all in one process and one loop. The pieces themselves do not know."""
