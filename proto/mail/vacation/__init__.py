"""Answers that say that somebody is away (RFC 3834, RFC 5230, RFC 8621 8): to what they are given, and how they are
written."""
