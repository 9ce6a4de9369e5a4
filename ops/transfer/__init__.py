"""Mail from and to files: mbox and Maildir, read and written, and an import that goes on where it was cut."""
