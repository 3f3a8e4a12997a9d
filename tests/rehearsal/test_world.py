"""The wall that stands where nothing answers."""

import urllib.error
import urllib.request

import pytest

from rehearsal.wall import Wall


def test_the_wall_refuses_and_remembers_who_was_called() -> None:
    scope = "AWS4-HMAC-SHA256 Credential=123456789012/20261126/eu-central-1/ecs/aws4_request, SignedHeaders=host"
    with Wall() as wall:
        for headers in ({"Authorization": scope}, {}):
            request = urllib.request.Request(f"{wall.url}/clusters", b"{}", headers, method="POST")
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(request)
            assert refused.value.code == 403
            refused.value.close()
    assert wall.refused == ["ecs /clusters", "an unsigned request /clusters"]
