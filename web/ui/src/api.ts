/* JSON calls to this origin. A refusal arrives as problem+json; its sentence is what the person reads. */

export class Refusal extends Error {
  readonly status: number;

  constructor(status: number, sentence: string) {
    super(sentence);
    this.status = status;
  }
}

/** For what a page asks by itself: it keeps no session alive. */
export const BY_ITSELF: RequestInit = { headers: { "vms-poll": "1" } };

/** Call the API; null for an empty answer. Throws Refusal with the server's sentence, or TypeError when there is no connection. */
export async function call<T>(method: string, path: string, body?: object, options: RequestInit = {}): Promise<T> {
  const init: RequestInit = { method, credentials: "same-origin", ...options };
  if (body) Object.assign(init, { body: JSON.stringify(body), headers: { "content-type": "application/json" } });
  const response = await fetch(path, init);
  if (response.ok) return (response.status === 204 ? null : await response.json()) as T;
  throw new Refusal(response.status, await sentenceOf(response));
}

async function sentenceOf(response: Response): Promise<string> {
  try {
    const problem = (await response.json()) as { detail?: unknown; title?: unknown };
    for (const text of [problem.detail, problem.title]) if (typeof text === "string" && text) return text;
  } catch {
    // not JSON: the status has to do
  }
  return response.status === 401 ? "Your sign-in has ended. Sign in again." : `The server answered ${response.status}. Try again in a minute.`;
}

/** What to show for anything that a call can throw. */
export function sentenceFor(error: unknown): string {
  if (error instanceof Refusal) return error.message;
  if (error instanceof TypeError) return "No connection to the server. Check the network, then try again.";
  throw error;
}
