"""Who walks through each room of the demo library, and when within the minute."""

from __future__ import annotations

from recorder.demo.figures import Walker
from recorder.demo.paints import Colour, rgb

_SKINS: dict[str, Colour] = {"pale": rgb("d8a988"), "brown": rgb("8a5a40"), "tan": rgb("c08e6a"), "dark": rgb("5f3f2e")}


def _walker(
    way: str,
    look: str,
    *,
    metres: float = 1.74,
    bag: str = "",
    book: str = "",
    sits: bool = False,
    looks: tuple[float, float] = (0, -1),
) -> Walker:
    """Write a walker short: the way as "second:x,y …", the look as colours of coat, trousers, hair and skin."""
    *colours, skin = look.split()
    coat, trousers, hair = (rgb(colour) for colour in colours)
    return Walker(
        tuple(_point(point) for point in way.split()),
        coat,
        trousers,
        hair,
        _SKINS[skin],
        metres,
        bag=rgb(bag) if bag else None,
        book=rgb(book) if book else None,
        sits=sits,
        looks=looks,
    )


def _point(text: str) -> tuple[float, float, float]:
    second, _, place = text.partition(":")
    x, _, y = place.partition(",")
    return float(second), float(x), float(y)


ENTRANCE = (
    _walker(
        "0:0.6,10 4:0.8,6 7:1.1,3.6 11:4.4,2.6 13:7.5,2.2 15:9,4 38:9,14 50:2,13.4 56:0.7,12.6", "7a4132 3a3f4a 4a3324 pale", bag="4b5a3e"
    ),
    _walker(
        "14:-6.9,3.2 18:-3.9,4.4 20:-3,4.75 31:-3,4.75 37:-0.6,7.6 41:-0.5,11 44:-0.9,13.2 56:-8.8,14.2 60:-9,13 70:-9,3.2",
        "35506b 5a5148 231c18 dark",
        metres=1.82,
        book="b0532f",
        looks=(-0.8, 0.6),
    ),
    _walker("16:9,13.6 25:1.2,13 28:1,10.9 33:1.1,6.4 38:2.2,2.6 41:3.4,0.2 43:9,0", "8c8064 4c3b34 8d8479 tan", metres=1.66, bag="8a3d32"),
    _walker(
        "36:-9,13.8 45:0.6,13.2 47:1.2,10.9 51:1.3,7 55:2.7,5.4 57:3.55,5.9 65:3.55,5.9 69:1.3,6.3 74:1.2,11 76:1.6,13 86:9,14",
        "54705a 2d3138 6d3f22 pale",
        metres=1.70,
        looks=(0.2, 0.9),
    ),
    _walker("0:-4.55,5.9", "a9793f 333333 2a211c brown", metres=1.68, looks=(0.8, -0.6)),
)

RETURNS_DESK = (
    _walker(
        "0:-1.8,6.3 8:-1.8,6.3 11:0.5,7.4 19:0.5,7.4 22:1.6,6.2 36:1.6,6.2 40:-1.7,6.3",
        "4f6b62 30343b 5b3420 pale",
        metres=1.70,
        looks=(0, -1),
    ),
    _walker(
        "0:-2.2,3.5 17:-2.2,3.5 21:-4.2,1.2 24:-6.8,0.2 40:-7.5,0.2 45:-5.2,1.5 50:-2.2,3.5",
        "a25a3c 3f4653 2a2320 brown",
        metres=1.76,
        book="d2b274",
        looks=(0, 1),
    ),
    _walker(
        "8:6.9,0.8 14:2.9,2 17:1.5,3.5 38:1.5,3.5 42:3.2,1.6 46:7.2,0.4",
        "3e5474 574e45 a59d90 tan",
        metres=1.80,
        bag="3a302a",
        looks=(0, 1),
    ),
    _walker("22:-6.8,1.5 30:-1,2.3 36:2.9,2.5 42:6.9,2 50:8,-3 70:-8,-3", "c0a878 5e3f3a 6a3b20 pale", metres=1.62, bag="44606a"),
)

CHILDRENS_ROOM = (
    _walker(
        "0:-0.9,4.6 9:-0.9,4.6 12:0.9,5.6 20:0.9,5.6 24:2.2,7.4 34:2.2,7.4 40:-2.3,7.3 48:-2.3,7.3 53:-0.9,4.6",
        "d08a3a 3f5f78 4b2f1d pale",
        metres=1.12,
        looks=(0.3, 0.9),
    ),
    _walker(
        "0:3.9,5 6:3.9,5 12:1.4,2.4 18:-2.2,1.9 24:-4.2,4.6 38:-4.2,4.6 44:-1.6,2.2 50:2.4,2.2",
        "6a7d92 51473f 3a2a20 brown",
        metres=1.70,
        book="c4573e",
        looks=(-0.9, 0.2),
    ),
    _walker(
        "4:6.9,1.2 10:3.4,2 14:2.3,4.1 30:2.3,4.1 33:0.4,2.6 36:-2.2,0.4 38:-7,-1.5 50:-7,-4 58:8,-4",
        "7c9466 6a5646 b98a4e tan",
        metres=1.30,
        bag="b8533c",
        looks=(-0.5, 0.8),
    ),
    _walker("0:-1.7,6.55", "a7668a 41506b 2c211c dark", metres=1.24, book="e0c26a", sits=True, looks=(0.5, -0.86)),
    _walker("0:-2.4,3.26", "3c7a86 4a4038 8a5a2c pale", metres=1.25, sits=True, looks=(-0.91, -0.41)),
)

READING_ROOM = (
    _walker(
        "0:-2.3,0.6 5:-2.2,4.2 10:-1.9,8.6 20:-1.9,8.6 25:2.35,8 32:2.35,3 36:2.3,0.4 38:2.6,-2.4 58:-2.4,-2.4",
        "5c6f80 40372f 2f2620 tan",
        metres=1.80,
        book="b99a4f",
        looks=(0, 1),
    ),
    _walker(
        "12:2.6,-1.4 17:2.4,2.4 22:2.5,6 41:2.5,6 46:2.4,2.2 50:2.3,-2.4",
        "8b4a3a 2f3642 7d4a26 pale",
        metres=1.66,
        bag="56634a",
        looks=(1, 0.1),
    ),
    _walker("0:-3.95,5.66", "6f7f5c 3a3a40 201a17 dark", metres=1.76, sits=True, looks=(0, -1)),
    _walker("0:-0.25,3.36", "94805c 4a4038 a8a196 pale", metres=1.72, sits=True, looks=(0, -1)),
    _walker("0:0.75,7.96", "6b5a78 4a4038 4a2d1c brown", metres=1.70, sits=True, looks=(0, -1)),
)
