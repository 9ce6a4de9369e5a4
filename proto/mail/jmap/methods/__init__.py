"""The methods: their names, and their arguments as typed values."""
