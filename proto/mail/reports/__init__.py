"""Reports between mail servers: DMARC aggregates, TLS-RPT, and abuse and failure reports (ARF), read and written."""
