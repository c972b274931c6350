"""Fixtures that start any number of a thing and end them all."""
from contextlib import ExitStack, contextmanager


@contextmanager
def ended(make, end="stop"):
    """A function that makes one as make() does; when the test is over, the method `end` of each is called, of the last first."""
    with ExitStack() as stack:
        def start(*args, **kw):
            it = make(*args, **kw)
            stack.callback(getattr(it, end))
            return it
        yield start
