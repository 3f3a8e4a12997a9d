"""The page of containers has the table of servers as the code stands."""

from tools.servers_table import MADE, PAGE, table


def test_the_table_of_servers_is_the_code() -> None:
    found = MADE.search(PAGE.read_text())
    assert found
    assert found[0] == f"{found[1]}{table()}{found[2]}", "renew it: .venv/bin/python -m tools.servers_table"


def test_it_names_an_image_of_each_server() -> None:
    text = table()
    for repository in ("tei:", "tei-cpu:", "djl-inference:", "huggingface-pytorch-tgi-inference:"):
        assert f"`{repository}" in text
