"""`python -m tests.fuzz.jmap_session`: play random requests until a promise is broken, and tell the least script."""

import json

from tests.fuzz.jmap_session.play import play
from tests.fuzz.jmap_session.script import STEPS, Step, script
from tests.fuzz.session.finding import finder


def line(step: Step) -> str:
    """As it is shown."""
    return f"{step.login}: {json.dumps(step.calls)} {step.created or ''}"


main = finder(play, script, STEPS, line)

if __name__ == "__main__":
    main()
