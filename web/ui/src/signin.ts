/* The demo's one-time code stands in the address after "#", which no server log sees; it is posted once and wiped from the address. */
import { call, sentenceFor } from "./api.ts";

async function useCode(code: string): Promise<void> {
  history.replaceState(null, "", location.pathname);
  try {
    await call("POST", "/demo/session", { code });
    location.replace("/");
  } catch (error) {
    show(sentenceFor(error));
  }
}

function show(sentence: string): void {
  const note = document.getElementById("signin-note");
  const box = Object.assign(document.createElement("div"), { className: "note danger" });
  box.append(Object.assign(document.createElement("p"), { textContent: sentence }));
  note?.replaceChildren(box);
}

const code = new URLSearchParams(location.hash.slice(1)).get("code");
if (code) void useCode(code);
