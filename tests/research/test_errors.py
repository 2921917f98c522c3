import pickle

import pytest

from research.errors import InvalidInput, require, require_folder


def test_the_message_names_field_value_and_what_is_allowed():
    with pytest.raises(InvalidInput) as error:
        require(False, "factor", -1, "must be above 0")
    assert str(error.value) == "factor is -1: must be above 0"


def test_nothing_happens_when_the_condition_holds():
    require(True, "factor", 1, "must be above 0")


def test_it_comes_back_from_another_process_as_it_was():
    error = pickle.loads(pickle.dumps(InvalidInput("factor", -1, "must be above 0")))
    assert (str(error), error.value) == ("factor is -1: must be above 0", -1)


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    require_folder("figures", tmp_path / "new" / "folder")
    with pytest.raises(
        InvalidInput, match=r"figures is '.*file/below': must be a folder that can be written to"
    ):
        require_folder("figures", tmp_path / "file" / "below")
