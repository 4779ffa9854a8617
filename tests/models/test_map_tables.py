"""Connection tables: the pairs of maps that the papers count."""

from lenet_jax.models.map_tables import TABLES, read_table


def test_tables_have_the_pairs_that_the_papers_count():
    three = [(0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5)]
    four = [(0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5)]
    apart = [(0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5)]
    c3 = read_table("c3", 6, 16)
    assert list(c3) == [*three, *four, *apart, (0, 1, 2, 3, 4, 5)]
    assert sum(map(len, c3)) == 60
    assert sum(map(len, read_table("lenet1", 4, 12))) == 20
    for name in TABLES:
        if name.startswith("h2_"):
            table = read_table(name, 12, 12)
            assert {len(read) for read in table} == {8}
            assert {channel for read in table for channel in read} == set(range(12))
    assert read_table("all", 3, 4) is None
    assert read_table("b 0", 12, 2) == ((11,), (0,))
