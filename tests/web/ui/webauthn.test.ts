import assert from "node:assert/strict";
import { test } from "node:test";
import { answerJson, base64url, creation, octets, passkeyFault, request } from "../../../web/ui/src/webauthn.ts";

test("octets come through base64url and back, whatever their number", () => {
  for (let length = 0; length < 40; length++) {
    const all = Uint8Array.from({ length }, (_, at) => (at * 67 + 250) % 256);
    assert.deepEqual(octets(base64url(all.buffer)), all);
    assert.match(base64url(all.buffer), /^[A-Za-z0-9_-]*$/);
  }
});

test("what the server asks for becomes octets for the browser", () => {
  const user = { id: "AAc", name: "Ana", displayName: "Ana" };
  const asked = { challenge: "_-8", rp: { id: "localhost", name: "Alder" }, pubKeyCredParams: [], user, excludeCredentials: [{ type: "public-key" as const, id: "AQ" }] };
  const made = creation({ publicKey: asked });
  assert.deepEqual([made.challenge, made.user.id, made.excludeCredentials?.[0]?.id], [Uint8Array.of(255, 239), Uint8Array.of(0, 7), Uint8Array.of(1)]);
});

test("without a list any passkey of this host may answer", () => {
  assert.deepEqual(request({ publicKey: { challenge: "AA" } }).allowCredentials, []);
  assert.deepEqual(request({ publicKey: { challenge: "AA", allowCredentials: null } }).allowCredentials, []);
});

test("an answer names what it brings and leaves out what it lacks", () => {
  const told: unknown = JSON.parse(answerJson("AQ", { signature: Uint8Array.of(1).buffer, userHandle: null }));
  assert.deepEqual(told, { id: "AQ", rawId: "AQ", type: "public-key", response: { signature: "AQ" } });
});

test("an error of the browser is a sentence that says what to do", () => {
  for (const name of ["NotAllowedError", "InvalidStateError", "SecurityError", "ConstraintError", "NotSupportedError"]) assert.match(passkeyFault(name) ?? "", /\.$/);
  assert.equal(passkeyFault("EncodingError"), null);
});
