"""What may be believed of a message: SPF, DKIM, DMARC, ARC, iprev, MTA-STS, DANE, as evaluators without I/O."""
