"""Greylisting: who has never sent from here to there is asked to come again a little later."""
