/* Passkeys: where the browser has them, a form's button asks for one, and the form then brings its answer. Else a sentence says why not. */
import { call, sentenceFor } from "./api.ts";
import { answerJson, creation, type CreationJson, passkeyFault, request, type RequestJson } from "./webauthn.ts";

const HERE = window.isSecureContext && "PublicKeyCredential" in window;

function enhance(box: HTMLElement, root: ParentNode): void {
  const form = box.querySelector("form");
  const hint = box.querySelector<HTMLElement>(":scope > .hint");
  if (!form || !hint) return;
  form.hidden = !HERE;
  hint.hidden = HERE;
  if (!HERE) return;
  for (const beside of root.querySelectorAll<HTMLElement>("[data-beside-passkey]")) beside.hidden = false;
  for (const second of root.querySelectorAll("[data-second]")) second.classList.remove("primary");
  form.addEventListener("submit", (event) => {
    if (credentialOf(form).value) return; // it brings the answer, to the page or to the dialog that listens
    event.preventDefault();
    void use(box, form);
  });
}

async function use(box: HTMLElement, form: HTMLFormElement): Promise<void> {
  const button = form.querySelector("button");
  const fault = form.querySelector<HTMLElement>(".fault");
  if (!button || !fault || button.disabled) return;
  button.disabled = true;
  fault.hidden = true;
  try {
    const asked = await call<unknown>("POST", box.dataset["ask"] ?? "");
    credentialOf(form).value = await answer(box.dataset["passkey"] === "create", asked);
    form.requestSubmit();
    credentialOf(form).value = ""; // sent: pressed again, the button asks anew
  } catch (error) {
    const sentence = (error instanceof DOMException && passkeyFault(error.name)) || sentenceFor(error);
    fault.querySelector("span")?.replaceChildren(sentence);
    fault.hidden = false;
    button.disabled = false;
  }
}

function credentialOf(form: HTMLFormElement): HTMLInputElement {
  return form.elements.namedItem("credential") as HTMLInputElement;
}

async function answer(create: boolean, asked: unknown): Promise<string> {
  const publicKey = create ? { publicKey: creation(asked as CreationJson) } : { publicKey: request(asked as RequestJson) };
  const made = (await (create ? navigator.credentials.create(publicKey as CredentialCreationOptions) : navigator.credentials.get(publicKey as CredentialRequestOptions))) as PublicKeyCredential | null;
  if (!made) throw new DOMException("no passkey", "NotAllowedError");
  const { clientDataJSON } = made.response;
  if (create) return answerJson(made.id, { clientDataJSON, attestationObject: (made.response as AuthenticatorAttestationResponse).attestationObject });
  const { authenticatorData, signature, userHandle } = made.response as AuthenticatorAssertionResponse;
  return answerJson(made.id, { clientDataJSON, authenticatorData, signature, userHandle });
}

/** Make the passkey buttons below `root` work. */
export function enhancePasskeys(root: ParentNode): void {
  for (const plain of root.querySelectorAll<HTMLElement>("[data-without-script]")) plain.hidden = true;
  for (const box of root.querySelectorAll<HTMLElement>("[data-passkey]")) enhance(box, root);
}
