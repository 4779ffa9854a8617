"""The stylised characters that the output units of the original LeNet-5 compare with."""

from lenet_jax.errors import UserError

# The digits of LeCun et al. 1998, figure 3, as public reimplementations transcribe them: 7 columns, 12 rows.
DIGITS_1998 = (
    ".#####. ....... ..###.. .##.##. ##...## ##...## ##...## ##...## .##.##. ..###.. ....... .......",  # 0
    "...##.. ..###.. .####.. ...##.. ...##.. ...##.. ...##.. ...##.. ...##.. .###### ....... .......",  # 1
    ".#####. ....... .#####. ##...## #....## ....##. ..###.. .##.... ##..... ####### ....... .......",  # 2
    "####### .....## ....##. ...##.. ..####. .....## .....## .....## ##...## .#####. ....... .......",  # 3
    ".#####. ....... ....... .##..## .##..## ###..## ##...## ##...## ##..### .###### .....## .....##",  # 4
    ".#####. ....... ####### ##..... ##..... .####.. ..####. .....## ##...## .#####. ....... .......",  # 5
    "..####. .##.... ##..... ##..... ######. ###..## ##...## ##...## ###..## .#####. ....... .......",  # 6
    "####### .....## .....## ....##. ...##.. ...##.. ..##... ..##... ..##... ..##... ....... .......",  # 7
    ".#####. ##...## ##...## ##...## .#####. ##...## ##...## ##...## ##...## .#####. ....... .......",  # 8
    ".#####. ##..### ##...## ##...## ##..### .###### .....## .....## ....##. .####.. ....... .......",  # 9
)
NAME_1998 = "1998"

Bitmap = tuple[tuple[int, ...], ...]


def read_bitmaps(text: str, classes: int) -> tuple[Bitmap, ...]:
    """One bitmap per class: rows of +1 (ink) and -1.

    Args:
      text: "1998", or one bitmap per class, separated by commas; a bitmap is rows of `#` and `.`,
        separated by spaces.

    Raises UserError if the text is anything else.
    """
    field = "config.model.bitmaps"
    bitmaps = [bitmap.split() for bitmap in (DIGITS_1998 if text == NAME_1998 else text.split(","))]
    if len(bitmaps) != classes:
        raise UserError(
            f"{field} holds {len(bitmaps)} bitmaps for {classes} classes: give one per class, separated by "
            f"commas{f', or take {NAME_1998}' if classes == len(DIGITS_1998) else ''}."
        )
    if unknown := set("".join("".join(rows) for rows in bitmaps)) - set("#."):
        raise UserError(f"{field} holds {''.join(sorted(unknown))!r}: draw with # and . alone.")
    sizes = {(len(rows), len(row)) for rows in bitmaps for row in rows}
    if len(sizes) != 1 or not all(bitmaps):
        raise UserError(f"{field} must all be of one size: give every bitmap the same rows and columns.")
    return tuple(tuple(tuple(1 if pixel == "#" else -1 for pixel in row) for row in rows) for rows in bitmaps)
