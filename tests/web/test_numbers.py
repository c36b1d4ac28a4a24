"""Numbers that no store can hold, in addresses and fields."""

import pytest

from backend.web.numbers import LARGEST, number_in
from tests.web.worlds import add_version

TOO_LARGE = (LARGEST + 1, 10**30, "9" * 5000)


@pytest.mark.parametrize("text", [None, "", "0", "-1", "1.0", "x", "²", "٣", *map(str, TOO_LARGE)])
def test_what_is_no_number_of_a_record_names_none(text):
    assert number_in(text) is None


@pytest.mark.parametrize("number", [1, LARGEST])
def test_the_number_of_a_record_is_read(number):
    assert number_in(str(number)) == number


@pytest.mark.parametrize("number", [*TOO_LARGE, "٣"])
@pytest.mark.parametrize(
    "place", ["/detectors/gas-room/models/{}", "/work/runs/{}", "/api/v1/requests/{}"]
)
def test_there_is_nothing_at_an_address_beyond_the_largest(client, place, number):
    answer = client.get(place.format(number))
    assert answer.status_code == 404
    assert "There is nothing at this address." in answer.text


def test_the_largest_is_looked_for(world, client):
    add_version(world)
    assert f"{LARGEST}" in client.get(f"/api/v1/requests/{LARGEST}").json["message"]
    assert client.get("/detectors/gas-room/models/1").status_code == 200


@pytest.mark.parametrize("number", TOO_LARGE)
def test_a_version_to_compare_labels_with_that_cannot_be_is_passed_over(client, number):
    page = client.get("/detectors/gas-room/labels", query_string={"version": number})
    assert page.status_code == 200
    assert str(number) not in page.text.split("<main")[1]
