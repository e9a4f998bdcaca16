"""What a page owes to who reads it by ear, by keyboard or on a telephone: told from the page itself, as a browser has laid it out."""

from __future__ import annotations

from playwright.sync_api import Page

_FAULTS = """() => {
  const shown = (one) => one.getClientRects().length > 0;
  const text = (one) => (one.textContent + (one.getAttribute('aria-label') ?? '')).trim();
  const all = (what) => [...document.querySelectorAll(what)];
  const faults = [], heads = all('h1, h2, h3, h4').filter(shown);
  const firsts = heads.filter((one) => one.tagName === 'H1').length;
  if (firsts !== 1) faults.push(`${firsts} first headings`);
  heads.reduce((level, one) => {
    if (+one.tagName[1] > level + 1) faults.push(`${one.tagName} after H${level}: ${text(one)}`);
    return +one.tagName[1];
  }, 1);
  if (all('main').length !== 1) faults.push('not one main part');
  for (const one of all('th')) if (!text(one)) faults.push('a column or row without a name');
  for (const one of all('table')) if (!one.querySelector('th')) faults.push('a table without heads');
  for (const one of all('input:not([type=hidden]), select, textarea').filter(shown))
    if (![...one.labels].some(text) && !one.getAttribute('aria-label')) faults.push(`no label: ${one.name}`);
  for (const one of all('a, button, summary').filter(shown)) if (!text(one)) faults.push(`no name: ${one.outerHTML.slice(0, 80)}`);
  for (const one of all('body *').filter((one) => one.children.length === 0 && shown(one) && text(one)))
    if (!one.closest('main, aside, header, nav, footer, dialog, noscript, .skip, [role]')) faults.push(`in no part: ${text(one)}`);
  const ids = all('[id]').map((one) => one.id);
  for (const id of new Set(ids.filter((one, place) => ids.indexOf(one) !== place))) faults.push(`twice: #${id}`);
  for (const one of all('[aria-describedby]'))
    for (const id of one.getAttribute('aria-describedby').split(' '))
      if (!document.getElementById(id)) faults.push(`described by none: #${id}`);
  return faults;
}"""


def faults_of(page: Page) -> list[str]:
    """Return what is wrong with the page as it stands; nothing where all is well."""
    found: list[str] = page.evaluate(_FAULTS)
    return found
