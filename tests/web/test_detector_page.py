"""The page of a detector, without a browser."""

from tests.web.worlds import MINUTE, NOW, START

RANGE = f"from={START // 10**6}&to={NOW // 10**6}"


def test_an_event_leads_to_its_range_with_time_beside_it(client):
    text = client.get(f"/detectors/gas-room?{RANGE}").text
    start, stop = START + 250 * MINUTE, START + 360 * MINUTE
    seen = f"from={start // 10**6}&amp;to={stop // 10**6}"
    assert f'href="/detectors/gas-room?series=room%3DR1&amp;{seen}"' in text
    said = f"from={(START + 300 * MINUTE) // 10**6}&amp;to={(START + 310 * MINUTE) // 10**6}"
    assert said in text


def test_the_state_is_told_in_the_language_of_the_reader(client):
    assert '<span class="state">normal</span>' in client.get("/detectors/gas-room").text
    text = client.get("/detectors/gas-room", headers={"Accept-Language": "ko"}).text
    assert '<span class="state">정상</span>' in text
