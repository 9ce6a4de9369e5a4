"""The world's mail formats, pure: bytes in, values out. No I/O, no clock, no dice."""
