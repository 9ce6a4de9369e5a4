"""A reader of all that a JMAP server may answer, which takes nothing that the standards do not have.

Reading order: values.py (the types that values may have), objects.py (the properties of each type), answers.py (what
each method answers to what was asked).
"""
