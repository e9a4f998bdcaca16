/* WebAuthn's octets as the server's JSON writes them (base64url), and what its errors mean to the person. No DOM. */

interface Descriptor {
  type: "public-key";
  id: string;
}

export interface CreationJson {
  publicKey: Omit<PublicKeyCredentialCreationOptions, "challenge" | "user" | "excludeCredentials"> & {
    challenge: string;
    user: { id: string; name: string; displayName: string };
    excludeCredentials?: Descriptor[] | null;
  };
}

export interface RequestJson {
  publicKey: Omit<PublicKeyCredentialRequestOptions, "challenge" | "allowCredentials"> & { challenge: string; allowCredentials?: Descriptor[] | null };
}

export function octets(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
}

export function base64url(buffer: ArrayBuffer): string {
  const letters = Array.from(new Uint8Array(buffer), (octet) => String.fromCharCode(octet)).join("");
  return btoa(letters).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

export function creation({ publicKey: asked }: CreationJson): PublicKeyCredentialCreationOptions {
  const user = { ...asked.user, id: octets(asked.user.id) };
  return { ...asked, challenge: octets(asked.challenge), user, excludeCredentials: descriptors(asked.excludeCredentials) };
}

export function request({ publicKey: asked }: RequestJson): PublicKeyCredentialRequestOptions {
  return { ...asked, challenge: octets(asked.challenge), allowCredentials: descriptors(asked.allowCredentials) };
}

function descriptors(listed: Descriptor[] | null | undefined): PublicKeyCredentialDescriptor[] {
  return (listed ?? []).map(({ type, id }) => ({ type, id: octets(id) }));
}

/** Return a passkey's answer as the server reads it: every buffer of `response` under its own name. */
export function answerJson(id: string, response: Record<string, ArrayBuffer | null>): string {
  const told = Object.entries(response).flatMap(([name, buffer]) => (buffer ? [[name, base64url(buffer)]] : []));
  return JSON.stringify({ id, rawId: id, type: "public-key", response: Object.fromEntries(told) });
}

const FAULTS: Record<string, string> = {
  NotAllowedError: "No passkey was used. Try again; if the browser asked you nothing, it does not trust this page's certificate.",
  InvalidStateError: "This device has a passkey for this account already.",
  SecurityError: "The browser uses no passkey on this page: it needs a host name with a trusted certificate.",
  ConstraintError: "This device can't check your finger, your face or a PIN. Take another one.",
  NotSupportedError: "This device has no passkey of a kind that is taken here. Take another one.",
};

/** What to show for an error of `navigator.credentials`; null for any other. */
export function passkeyFault(name: string): string | null {
  return FAULTS[name] ?? null;
}
