import pickle

import pytest

from research.errors import InvalidInput, require


def test_the_message_names_field_value_and_what_is_allowed():
    with pytest.raises(InvalidInput) as error:
        require(False, "factor", -1, "must be above 0")
    assert str(error.value) == "factor is -1: must be above 0"


def test_nothing_happens_when_the_condition_holds():
    require(True, "factor", 1, "must be above 0")


def test_it_comes_back_from_another_process_as_it_was():
    error = pickle.loads(pickle.dumps(InvalidInput("factor", -1, "must be above 0")))
    assert (str(error), error.value) == ("factor is -1: must be above 0", -1)
