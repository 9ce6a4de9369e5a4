"""What goes wrong outside the program: disks, files, ports, settings, signals. The server says what and what to do.

Reading order: trying.py (how a server is tried), then each fault's file.
"""
