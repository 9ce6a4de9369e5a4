"""What we serve over HTTPS: resources whose paths other standards have fixed."""
