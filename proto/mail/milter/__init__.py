"""The milter protocol, as the mail server speaks it to a filter (Sendmail's libmilter, versions 2 to 6), pure.

There is no RFC: the protocol is what Sendmail's `mfdef.h` names and what Sendmail and Postfix do. A filter is told each
step of an SMTP session and decides; at the end of a message it may ask for changes. Nothing here may read a clock, a
socket or a file: the gateway does that.
"""
