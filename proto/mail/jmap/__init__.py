"""JMAP (RFC 8620, RFC 8621): what is said, without who says it."""
