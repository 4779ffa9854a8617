"""The stylised characters that the output units of the original LeNet-5 compare with."""

from lenet_jax.errors import UserError

# LeCun et al. 1998, figure 3, as public reimplementations transcribe the digits: 7 columns, 12 rows.
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
    """Rows of +1 (ink) and -1, for each class.

    Args:
      text: "1998", or a bitmap for each class, separated by commas, of rows of `#` and `.` separated
        by spaces.

    Raises UserError, in a sentence that tells the fault.
    """
    told = "config.model.bitmaps"
    bitmaps = [bitmap.split() for bitmap in (DIGITS_1998 if text == NAME_1998 else text.split(","))]
    if len(bitmaps) != classes:
        raise UserError(
            f"{told} holds {len(bitmaps)} bitmaps for {classes} classes: take {NAME_1998}, or one for each, "
            "with commas between."
        )
    if odd := set("".join("".join(rows) for rows in bitmaps)) - set("#."):
        raise UserError(f"{told} holds {''.join(sorted(odd))!r}: draw with # and . alone.")
    sizes = {(len(rows), len(row)) for rows in bitmaps for row in rows}
    if len(sizes) != 1 or not all(bitmaps):
        raise UserError(f"{told} must all be of one size, rows of equal length: draw them anew.")
    return tuple(tuple(tuple(1 if it == "#" else -1 for it in row) for row in rows) for rows in bitmaps)
