"""The table that says which tests are run under which sanitizer."""
from pathlib import Path

import pytest

from kit import kinds

HERE = Path(__file__).parents[1]


@pytest.mark.parametrize("name", sorted({*kinds.MEMORY, *kinds.THREADS}))
def test_each_row_names_tests(name):
    paths = [top / name for top in (HERE, HERE.parent)]
    assert any(p.is_dir() or p.with_suffix(".py").is_file() for p in paths)


def test_of():
    assert kinds.of("process/test_reload", {}) == ["memory", "threads"]
    assert kinds.of("process/test_check_facts", {}) == []
    assert kinds.of("bugs/test_anything", {}) == ["memory"]
    assert kinds.of("matrix/test_matrix_ends", {"pair": "h2-h1", "size": 1}) == ["memory"]
    assert kinds.of("matrix/test_matrix_ends", {"pair": "h2c-h2c"}) == []
    assert kinds.of("plugins/test_body_hooks", {"client": "h1", "upstream": "h1"}) == []
    assert kinds.of("plugins/test_body_hooks", {"client": "h1"}) == ["memory"]
