"""Applications behind the gateway: each is started once for the tests of its file, and skipped where it is not installed."""
import hashlib
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path

import pytest

from kit.applications import shared
from kit.stacks import FILE, Stack

STARTED = []


def pytest_collection_modifyitems(items):
    """An application may take a minute to start on a machine that has much to do, and others wait for it."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.timeout(180))


def put_file(folder):
    (folder / "file.bin").write_bytes(FILE)


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    """start("express", argv, env=..., ...): a Stack, with an application as kit/applications.py says; all end with the module. The
    application's folder has a file of 300,000 bytes, unless `prepare` makes another one."""
    base = tmp_path_factory.getbasetemp()
    root = (base.parent if base.name.startswith("popen-") else base) / "stacks"
    with ExitStack() as ended:
        def one(name, argv, env=None, prepare=put_file, **kw):
            key = f"{name}-{hashlib.sha256(repr((argv, env)).encode()).hexdigest()[:8]}"
            port, application = ended.enter_context(shared(root, key, argv, env=env, prepare=prepare, **kw))
            folder = Path(tempfile.mkdtemp(prefix="slc-"))
            ended.callback(shutil.rmtree, folder, ignore_errors=True)
            stack = Stack(folder, name, port, application)
            STARTED.append(stack)
            ended.callback(stack.stop)
            return stack
        yield one
    STARTED.clear()


@pytest.fixture(autouse=True)
def told(request):
    """A failed test shows what application and gateway said: they outlive it."""
    yield
    if getattr(request.node, "failed", False):
        for stack in STARTED:
            print(stack.told())
