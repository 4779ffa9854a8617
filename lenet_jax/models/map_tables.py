"""Connection tables: which input maps each feature map of a stage reads.

A table is written as one word per feature map. The word's characters are the input maps that the feature
map reads, counted from 0, with a to z for 10 to 35: in "01 12 02", three maps each read two of three maps.
"""

from lenet_jax.errors import UserError

ALL = "all"  # every map reads every input map: no table
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"

TABLES = {
    # LeCun et al. 1998, table I.
    "c3": "012 123 234 345 045 015 0123 1234 2345 0345 0145 0125 0134 1245 0235 012345",
    # LeNet-1's second convolution has 20 pairs of maps. The paper does not say which; here each half of the
    # maps reads its own half of the input maps.
    "lenet1": "0 01 01 01 01 1 2 23 23 23 23 3",
    # H2 of LeCun et al. 1989: each of 12 maps reads 8 of 12, by a scheme that the paper does not specify.
    "h2_groups": " ".join(4 * ["01234567"] + 4 * ["456789ab"] + 4 * ["012389ab"]),
    "h2_cyclic": " ".join("".join(DIGITS[(first + i) % 12] for i in range(8)) for first in range(12)),
    "h2_thirds": " ".join("".join(DIGITS[i] for i in range(12) if i % 3 != m % 3) for m in range(12)),
}

Table = tuple[tuple[int, ...], ...]


def read_table(text: str, inputs: int, maps: int) -> Table | None:
    """The input maps that each of `maps` feature maps reads, ascending; None if every map reads all of them.

    Args:
      text: "all", a name in TABLES, or a table's words.
      inputs: number of input maps.

    Raises UserError if the text is anything else, or does not fit the stage.
    """
    if text == ALL:
        return None
    words = TABLES.get(text, text).split()
    table_named = f"config.model.map_table: the table {text!r}"
    if unknown := sorted(set("".join(words)) - set(DIGITS)):
        raise UserError(
            f"{table_named} is unknown and holds {''.join(unknown)!r}: take {ALL}, {', '.join(TABLES)}, or "
            "words of 0 to 9 and a to z."
        )
    if len(words) != maps:
        raise UserError(
            f"{table_named} has {len(words)} words but the stage has {maps} feature maps: take {ALL}, "
            f"{', '.join(TABLES)}, or one word per map."
        )
    table = tuple(tuple(sorted(map(DIGITS.index, word))) for word in words)
    for word, read in zip(words, table, strict=True):
        if read[-1] >= inputs:
            raise UserError(
                f"{table_named} names map {read[-1]}, which doesn't exist: the stage reads {inputs} maps, "
                "counted from 0."
            )
        if len(set(read)) < len(read):
            raise UserError(f"{table_named} names a map twice in {word!r}: name each map once.")
    return table
