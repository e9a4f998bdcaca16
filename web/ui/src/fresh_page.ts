/* The page as the server draws it now: for parts of a page that stand open and change without anybody asking. */
import { BY_ITSELF } from "./api.ts";

/** null when it did not come or nobody looks. A session that has ended shows as a redirect: the page goes where that leads. */
export async function freshPage(): Promise<Document | null> {
  if (document.hidden) return null;
  const response = await fetch(location.href, { credentials: "same-origin", ...BY_ITSELF }).catch(() => null);
  if (response?.redirected) {
    location.reload();
    return null;
  }
  return response?.ok ? new DOMParser().parseFromString(await response.text(), "text/html") : null;
}

/** Put the part of `fresh` that `selector` finds in place of ours, when they differ. */
export function takeOver(fresh: Document, selector: string): void {
  const [newer, ours] = [fresh.querySelector(selector), document.querySelector(selector)];
  if (newer && ours && !newer.isEqualNode(ours)) ours.replaceWith(document.importNode(newer, true));
}
