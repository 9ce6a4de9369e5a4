"""Mail on its way out: who sends what the queue lends, to whom, over which connection, and what is made of the answer.

It keeps nothing: what it was lent and did not report is lent again.
"""
