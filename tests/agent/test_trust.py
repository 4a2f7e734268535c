"""Who could have put a file where the agent finds it: each step of the way there is examined."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bot.agent.errors import AgentError
from bot.agent.trust import Trust

OURS = Trust({0, os.geteuid()}, sticky=True)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir(mode=0o755)
    file = tmp_path / "a" / "file"
    file.touch(0o644)
    return file


def refusal(path: Path, trust: Trust = OURS) -> str:
    with pytest.raises(AgentError) as caught:
        trust.check(str(path))
    assert caught.value.code == "denied"
    assert "othing was done" in caught.value.text
    return caught.value.text


def test_what_only_its_owner_can_write_is_believed(file: Path) -> None:
    OURS.check(str(file))
    OURS.check(str(file.parent))


@pytest.mark.parametrize("mode", [0o664, 0o646, 0o666, 0o777])
def test_a_file_that_others_can_write_is_not(file: Path, mode: int) -> None:
    file.chmod(mode)
    assert refusal(file) == (
        f"The agent does not run: {file} can be written by others than its owner. Nothing was done. "
        f"On the mail host: chmod go-w {file}"
    )


@pytest.mark.parametrize("mode", [0o775, 0o757])
def test_a_folder_on_the_way_that_others_can_write_is_not(file: Path, mode: int) -> None:
    file.parent.parent.chmod(mode)
    assert f"{file.parent.parent}, on the way to {file}, can be written by others" in refusal(file)


def test_a_link_is_examined_where_it_stands_and_where_it_leads(file: Path, tmp_path: Path) -> None:
    link = tmp_path / "b" / "link"
    link.symlink_to(file)
    OURS.check(str(link))
    link.parent.chmod(0o777)  # others can replace the link
    assert f"{link.parent}, on the way to {link}," in refusal(link)
    link.parent.chmod(0o755)
    file.parent.chmod(0o777)  # others can replace its target
    assert f"{file.parent}, on the way to {link}," in refusal(link)


def test_a_link_in_the_middle_of_a_chain_of_links_is_examined_too(file: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "b" / "first", tmp_path / "c" / "second"
    first.symlink_to("../c/second")
    second.symlink_to(file)
    OURS.check(str(first))
    second.parent.chmod(0o777)
    assert f"{second.parent}, on the way to {first}," in refusal(first)


def test_a_link_to_a_folder_is_followed_before_two_dots_are(file: Path, tmp_path: Path) -> None:
    inner = tmp_path / "c" / "inner"
    inner.mkdir(mode=0o755)
    (inner.parent / "file").touch(0o666)
    (inner.parent / "file").chmod(0o666)
    (file.parent / "link").symlink_to(inner)
    # a/link/../file is c/file, though it reads like a/file.
    assert f"{inner.parent / 'file'}, on the way to" in refusal(Path(f"{file.parent}/link/../file"))


def test_a_chain_of_links_without_an_end_is_refused(tmp_path: Path) -> None:
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to("one")
    assert "too many links" in refusal(tmp_path / "one")


def test_what_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    assert f"{tmp_path / 'none'} can't be examined (No such file or directory)" in refusal(tmp_path / "none")
    assert f"{tmp_path / 'none'} on the way to {tmp_path / 'none' / 'file'} can't" in refusal(
        tmp_path / "none" / "file"
    )


def test_a_sticky_folder_is_a_parent_for_the_uninstalled_agent_alone(file: Path) -> None:
    file.parent.chmod(0o1777)
    OURS.check(str(file))
    said = refusal(file, Trust({0, os.geteuid()}))
    assert "choose a place outside" in said
    assert "chmod" not in said


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_belongs_to_somebody_else_is_not_believed(file: Path) -> None:
    os.chown(file, 65534, 0)
    assert f"{file} belongs to user 65534" in refusal(file)
    os.chown(file, 0, 0)
    os.chown(file.parent, 65534, 0)
    assert f"{file.parent}, on the way to {file}, belongs to user 65534" in refusal(file)
    link = file.parent.parent / "link"
    os.chown(file.parent, 0, 0)
    link.symlink_to(file)
    os.chown(link, 65534, 0, follow_symlinks=False)
    assert f"{link} belongs to user 65534" in refusal(link)
