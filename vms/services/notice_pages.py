"""Draw the public notice: static pages without a script and without anything from elsewhere, the same octets for the same facts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from html import escape

import segno

from vms.domain.notice import FEWEST, Counts, HalfYear, KeptHere, Notice, told_count, viewers
from vms.services.notice_words import ENGLISH, SPANISH, Words

_STYLE = (
    ":root{color-scheme:light}body{margin:0;color:#1c1a16;background:#fff;"
    'font:1.0625rem/1.55 "Segoe UI Variable Text","Segoe UI",-apple-system,Roboto,"Noto Sans","Liberation Sans",system-ui,sans-serif}'
    "main{max-width:44rem;margin:0 auto;padding:1rem;overflow-wrap:break-word}p{max-width:70ch}"
    'h1,h2{font-family:"Iowan Old Style","Palatino Linotype",Palatino,P052,"Noto Serif",Georgia,serif;line-height:1.2}'
    "h1{font-size:2.5rem;line-height:1.12;letter-spacing:-.01em}h2{font-size:1.3125rem;margin-top:2rem}table{border-collapse:collapse;width:100%}"
    "th,td{text-align:left;vertical-align:top;padding:.35rem .6rem .35rem 0;border-bottom:1px solid #dcd8ce}thead th{border-color:#857f73}"
    "code{overflow-wrap:anywhere}a{color:#0a625c}:focus-visible{outline:2px solid #0a625c;outline-offset:2px}"
    ".lines{border-bottom:1px solid #777;height:2rem}.lines.tall{height:9rem}"
    "svg{width:12rem;height:12rem}.sign{text-align:center}.sign section{margin:2.5rem 0}.sign p{max-width:none}.sign h2{font-size:2.5rem}"
    "@media print{main{max-width:none;padding:0}tr{break-inside:avoid}h2{break-after:avoid}}"
)


def draw(notice: Notice, address: str) -> dict[str, bytes]:
    """Return the files by name; with `address`, under which the pages are published, a sign for the door as well."""
    files = {}
    for words in (ENGLISH, SPANISH):
        files[words.file] = _page(words, words["title"], _notice(notice, words))
        files[_form_file(words)] = _page(words, words["form_title"], _form(notice, words))
    if address:
        files["sign.html"] = _page(ENGLISH, ENGLISH["sign_title"], _sign(notice, address), kind=' class="sign"')
    return {name: text.encode() for name, text in sorted(files.items())}


def _page(words: Words, title: str, body: Iterator[str], *, kind: str = "") -> str:
    head = (
        f'<!doctype html>\n<html lang="{words.language}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body{kind}>\n<main>\n"
    )
    return head + "\n".join(body) + "\n</main>\n</body>\n</html>\n"


def _notice(notice: Notice, words: Words) -> Iterator[str]:
    yield f'<p><a href="{words.other_file}" hreflang="{"es" if words is ENGLISH else "en"}">{words.other_name}</a></p>'
    yield f"<h1>{escape(words['title'])}</h1>"
    yield _p(words["lead"].format(district=notice.district))
    yield _h(words["purpose"]) + _p(words["purpose_text"])
    yield from _covered(notice, words)
    yield from _kept(notice, words)
    yield from _viewers(words)
    yield _h(words["third"]) + _p(_third(notice, words)) + _p(words["third_law"])
    yield _h(words["ask"]) + _p(words["ask_text"].format(director=notice.director)) + (_p(notice.contact) if notice.contact else "")
    if notice.inquiry_url:
        yield f'<p><a href="{escape(notice.inquiry_url)}">{escape(words["ask_form"])}</a></p>' + _p(words["ask_form_text"])
    yield _h(words["complain"]) + _p(words["complain_text"].format(count=notice.answer_days))
    yield f'<p><a href="{_form_file(words)}">{escape(words["form_link"])}</a></p>'
    yield from _counts(notice, words)
    yield _h(words["keys"])
    yield _p(words["keys_text"]) + f"<p><code>{escape(notice.log_key)}</code></p>" if notice.log_key else _p(words["no_key"])
    yield _h(words["review"])
    yield _p(words["reviewed"].format(day=words.day(notice.reviewed_on)) if notice.reviewed_on else words["not_reviewed"])


def _covered(notice: Notice, words: Words) -> Iterator[str]:
    yield _h(words["covered"])
    rows = []
    for branch in notice.branches:
        areas = [*branch.areas, *([(words["elsewhere"], branch.elsewhere)] if branch.elsewhere else [])]
        told = ", ".join(f"{name}: {_many(words, 'cameras', count)}" for name, count in areas)
        rows.append((branch.name, told if branch.areas else _many(words, "cameras", branch.elsewhere)))
    yield _table((), rows) if rows else _p(words["no_branch"])
    yield _h(words["not_covered"]) + _p(words["not_covered_text"])
    if notice.not_covered:
        yield _p(words["not_covered_named"].format(names=", ".join(notice.not_covered)))


def _kept(notice: Notice, words: Words) -> Iterator[str]:
    yield _h(words["kept"])
    yield _table((words["place"], words["days"], words["basis"], words["approved"]), [_kept_row(one, words) for one in notice.kept])
    for one in notice.kept:
        if one.public_text:
            yield _p(one.public_text)
    yield _p(words["then"].format(count=notice.longest_days))


def _kept_row(one: KeptHere, words: Words) -> tuple[str, ...]:
    approved = words["not_approved"] if one.approved_on is None else words.day(one.approved_on)
    return one.place or words["district"], _many(words, "days", one.days), one.legal_basis, approved


def _viewers(words: Words) -> Iterator[str]:
    yield _h(words["viewers"])
    yield _table((), [(words.roles[role], _seen(words, back) if recorded else words["live"]) for role, recorded, back in viewers()])
    yield _p(words["viewers_text"]) + _p(words["emergency"])


def _seen(words: Words, back: timedelta | None) -> str:
    return words["recorded"] if back is None else words["recorded_back"].format(count=back // timedelta(hours=1))


def _third(notice: Notice, words: Words) -> str:
    return words["third_named"].format(names=", ".join(notice.third_parties)) if notice.third_parties else words["third_none"]


def _counts(notice: Notice, words: Words) -> Iterator[str]:
    yield _h(words["counts"])
    if not notice.counts:
        yield _p(words["no_counts"])
        return
    rows = [(words[name], *(_told(words, getattr(one, name)) for one in notice.counts)) for name in _COUNTED]
    yield _table((words["counted"], *(_half(words, one.during) for one in notice.counts)), rows) + _p(words["counts_note"])


_COUNTED = tuple(name for name in Counts.__slots__ if name != "during")


def _told(words: Words, number: int) -> str:
    told = told_count(number)
    if told is None:
        return words["few"].format(count=FEWEST)
    return str(told) if told else words["none"]


def _half(words: Words, half: HalfYear) -> str:
    return words["half_second" if half.second else "half_first"].format(year=half.year)


def _form_file(words: Words) -> str:
    return "complaint.html" if words is ENGLISH else "queja.html"


def _form(notice: Notice, words: Words) -> Iterator[str]:
    yield f"<h1>{escape(words['form_title'])}</h1>" + _p(words["form_lead"].format(district=notice.district))
    for name in ("name", "address", "where", "when", "about"):
        yield _p(words[f"form_{name}"]) + '<div class="lines"></div>'
    yield _p(words["form_said"]) + '<div class="lines tall"></div>'
    if notice.contact:
        yield _p(notice.contact)


def _sign(notice: Notice, address: str) -> Iterator[str]:
    for words in (ENGLISH, SPANISH):
        days = _many(words, "days", notice.longest_days)
        head = "h1" if words is ENGLISH else "h2"
        yield f'<section lang="{words.language}"><{head}>{escape(words["sign_title"])}</{head}>' + _p(words["sign_text"].format(days=days))
        yield _p(words["sign_more"]) + "</section>"
    yield segno.make(address, error="m", micro=False).svg_inline(border=4, light="#fff", omitsize=True)
    yield f"<p>{escape(address)}</p>" + _p(notice.district)


def _many(words: Words, what: str, count: int) -> str:
    if what == "days":
        return words["days_one"] if count == 1 else words["days_many"].format(count=count)
    return words["cameras_one"] if count == 1 else words["cameras"].format(count=count)


def _h(text: str) -> str:
    return f"<h2>{escape(text)}</h2>\n"


def _p(text: str) -> str:
    return f"<p>{escape(text)}</p>\n"


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    head = "".join(f'<th scope="col">{escape(one)}</th>' for one in heads)
    body = "".join(f"<tr>{_cells(row)}</tr>" for row in rows)
    return f"<table>{f'<thead><tr>{head}</tr></thead>' if heads else ''}<tbody>{body}</tbody></table>\n"


def _cells(row: tuple[str, ...]) -> str:
    first, *rest = row
    return f'<th scope="row">{escape(first)}</th>' + "".join(f"<td>{escape(one)}</td>" for one in rest)
