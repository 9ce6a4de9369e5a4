"""What may be believed of a message is found out here: the evaluators of `mail.trust` run over a resolver."""
