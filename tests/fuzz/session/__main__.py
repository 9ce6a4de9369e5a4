"""`python -m tests.fuzz.session`: play random sessions until a promise is broken, and tell the least that breaks it."""

from tests.fuzz.session.finding import finder
from tests.fuzz.session.play import play
from tests.fuzz.session.script import STEPS, Step, script


def line(step: Step) -> str:
    """As it is shown."""
    marks = ("spoilt " if step.spoilt else "") + ("pipelined" if step.pipelined else "")
    return f"{step.who}: {step.text!r} {marks}"


main = finder(play, script, STEPS, line)

if __name__ == "__main__":
    main()
