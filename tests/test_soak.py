"""What a soak says of itself while it runs."""

import pytest

from tests.soak import Progress


def test_a_line_says_how_far_it_is_and_what_is_under_way(pytestconfig: pytest.Config) -> None:
    progress = Progress(pytestconfig)
    progress.pytest_xdist_node_collection_finished(["tests/a/test_one.py::test_x", "tests/test_two.py::test_y"])
    for nodeid in ("tests/a/test_one.py::test_x", "tests/test_two.py::test_y"):
        progress.pytest_runtest_logstart(nodeid)
    progress.pytest_runtest_logfinish("tests/test_two.py::test_y")
    assert progress.line() == ("[0 min] 1 of 2 tests have ended, none failed. Under way: test_one.py::test_x for 0 s")
