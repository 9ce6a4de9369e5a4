"""Where pieces run: `alone`, all in one process and one loop; `ray`, in processes on many machines. The pieces
themselves do not know."""
