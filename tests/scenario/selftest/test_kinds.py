"""The table that says which tests are run under which sanitizer."""
from pathlib import Path

import pytest

from kit import kinds

HERE = Path(__file__).parents[1]


@pytest.mark.parametrize("name", sorted({*kinds.MEMORY, *kinds.THREADS}))
def test_each_row_names_tests(name):
    assert HERE.joinpath(name).is_dir() or HERE.joinpath(name).with_suffix(".py").is_file()


def test_of():
    assert kinds.of("process/test_reload", {}) == ["memory", "threads"]
    assert kinds.of("process/test_check_facts", {}) == []
    assert kinds.of("matrix/test_matrix_ends", {"pair": "h2-h1", "size": 1}) == ["memory"]
    assert kinds.of("matrix/test_matrix_ends", {"pair": "h2c-h2c"}) == []
    assert kinds.of("plugins/test_body_hooks", {"client": "h1", "upstream": "h1"}) == []
    assert kinds.of("plugins/test_body_hooks", {"client": "h1"}) == ["memory"]
