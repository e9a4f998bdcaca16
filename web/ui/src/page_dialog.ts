/* A page with a form, shown over this one: what plays here plays on. Without JavaScript the link leads to that page. */
import { enhancePasskeys } from "./passkey_boxes.ts";
import { SIGNED_IN, SIGNED_IN_PAGE } from "./signed_in_channel.ts";

/** What came after a form in the dialog was taken: the page to which it led. */
type Taken = (page: Document, url: URL) => void;

/** Open the page of `link` over this one; false when it can't be shown so, and the link is to be followed. */
export async function openInDialog(link: HTMLAnchorElement, taken: Taken): Promise<boolean> {
  const url = new URL(link.href);
  url.searchParams.set("next", location.pathname + location.search);
  const response = await fetch(url, { credentials: "same-origin", headers: { accept: "text/html" } }).catch(() => null);
  const page = response?.ok && !response.redirected ? await pageOf(response) : null;
  const content = page?.querySelector("[data-dialog]");
  if (!page || !content) return false;
  show(page.querySelector("h1")?.textContent ?? "", document.importNode(content, true), taken);
  return true;
}

function show(title: string, content: Element, taken: Taken): void {
  const dialog = document.createElement("dialog");
  const heading = Object.assign(document.createElement("h2"), { id: "page-dialog-title", textContent: title });
  dialog.className = "page-dialog";
  dialog.setAttribute("aria-labelledby", heading.id);
  dialog.append(heading, content);
  const elsewhere = new BroadcastChannel(SIGNED_IN);
  elsewhere.addEventListener("message", () => void goOn(dialog, taken));
  dialog.addEventListener("close", () => {
    elsewhere.close();
    dialog.remove();
  });
  dialog.addEventListener("click", (event) => {
    if (!(event.target instanceof Element) || !event.target.closest("[data-stay]")) return;
    event.preventDefault();
    dialog.close();
  });
  dialog.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || !(form instanceof HTMLFormElement)) return;
    if ("leaves" in form.dataset) return leaveBeside(dialog, form);
    event.preventDefault();
    void post(dialog, form, event.submitter, taken);
  });
  document.body.append(dialog);
  enhancePasskeys(dialog);
  dialog.showModal();
}

/** Let a form that leads to another site do so in a window of its own; where the browser opens none, this page goes there. */
function leaveBeside(dialog: HTMLDialogElement, form: HTMLFormElement): void {
  // A window and no tab: a page that is out of sight ends its pictures.
  if (!window.open("", SIGNED_IN, "popup,width=560,height=760")) return;
  form.target = SIGNED_IN;
  for (const next of form.querySelectorAll<HTMLInputElement>("input[name=next]")) next.value = SIGNED_IN_PAGE;
  dialog.querySelector("[role=alert]")?.replaceChildren("Go on in the window that has opened. The pictures go on here.");
}

/** Somebody has signed in in another window of this browser: draw this page as it is for them. */
async function goOn(dialog: HTMLDialogElement, taken: Taken): Promise<void> {
  const response = await fetch(location.href, { credentials: "same-origin", headers: { accept: "text/html" } }).catch(() => null);
  if (!response?.ok) return location.reload();
  dialog.close();
  taken(await pageOf(response), new URL(response.url));
}

async function post(dialog: HTMLDialogElement, form: HTMLFormElement, submitter: HTMLElement | null, taken: Taken): Promise<void> {
  const body = new URLSearchParams([...new FormData(form, submitter)].map(([name, value]) => [name, String(value)]));
  const buttons = [...dialog.querySelectorAll("button")];
  for (const button of buttons) button.disabled = true;
  const response = await fetch(form.action, { method: "POST", body, credentials: "same-origin", headers: { accept: "text/html" } }).catch(() => null);
  if (response?.redirected) {
    dialog.close();
    return taken(await pageOf(response), new URL(response.url));
  }
  for (const button of buttons) button.disabled = false;
  const alert = dialog.querySelector("[role=alert]");
  const said = response ? (await pageOf(response)).querySelector("[role=alert]") : null;
  alert?.replaceChildren(said?.firstElementChild ? document.importNode(said.firstElementChild, true) : "No connection to the server. Check the network, then try again.");
  for (const field of form.querySelectorAll<HTMLInputElement>("input[type=password], [autocomplete=one-time-code]")) field.value = "";
  form.querySelector<HTMLInputElement>("input[type=password]")?.focus();
}

async function pageOf(response: Response): Promise<Document> {
  return new DOMParser().parseFromString(await response.text(), "text/html");
}
