"""Push (RFC 8620 7): who is told of changes, over streams that clients hold open and over web push.

The law: nobody hears of an account or a mailbox that he may not see. What is told is the newest state: however slowly
it is taken, what waits does not grow.
"""
