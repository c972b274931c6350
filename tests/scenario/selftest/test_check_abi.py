"""tests/tools/check-abi: what is growth of the plugin interface, and what breaks modules that are built."""
import shutil
import subprocess
import sys

import pytest

from kit.gateway import ROOT

pytestmark = pytest.mark.skipif(not shutil.which("abidw"), reason="no abigail-tools here")

GROWTH = [
    ("plugin.h", "\n} sluice_plugin;", "\n\tvoid (*more)(int);\n} sluice_plugin;", None),
    ("types.h", "\n} sluice_option;", "\n\tconst char *more;\n} sluice_option;", None),
    ("types.h", "\tSLUICE_T_PERCENT\n", "\tSLUICE_T_PERCENT,\n\tSLUICE_T_MORE\n", None),
]
BREAKS = [
    ("plugin.h", "sluice_str path, size_t max,", "sluice_str path, int max,", "sluice_host: read_file"),
    ("plugin.h", "\tvoid (*timer)(", "\tvoid (*more)(int);\n\tvoid (*timer)(", "sluice_host: timer"),
    ("types.h", "\tSLUICE_T_STR, ", "\tSLUICE_T_MORE, SLUICE_T_STR, ", "SLUICE_T_STR was 2, is 3"),
    ("types.h", "\tsluice_str name, value;", "\tsluice_str name, value;\n\tint more;", "sluice_pair never grows"),
]


@pytest.mark.parametrize("header, old, new, says", GROWTH + BREAKS)
def test_a_change_of_the_interface(tmp_path, header, old, new, says):
    shutil.copytree(ROOT / "gateway/include", tmp_path / "gateway/include")
    (tmp_path / "tests/abi").mkdir(parents=True)
    shutil.copy(ROOT / "tests/abi/types.c", tmp_path / "tests/abi")
    tool = [sys.executable, ROOT / "tests/tools/check-abi"]
    subprocess.run([*tool, "--update", tmp_path], check=True)
    path = tmp_path / "gateway/include/sluice" / header
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    r = subprocess.run([*tool, tmp_path], capture_output=True, text=True, check=False)
    assert (r.returncode, says is None or says in r.stdout) == (0 if says is None else 1, True), r.stdout + r.stderr
