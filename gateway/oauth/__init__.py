"""This server's own OAuth 2: programs log in with a page in the browser, people see what they let in."""
