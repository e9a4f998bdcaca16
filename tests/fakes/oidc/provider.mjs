// An OpenID provider (npm oidc-provider) for tests, on a loopback port of its own; prints its issuer. Arguments: client id, secret, redirect URI.
// Whoever comes is signed in as the account that the header x-account names, with the methods of x-amr; its groups are those of x-groups.
import { generateKeyPairSync } from 'node:crypto';
import { createRequire } from 'node:module';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [folder, clientId, clientSecret, redirectUri] = process.argv.slice(2);
const require = createRequire(pathToFileURL(join(folder, 'package.json')));
const { Provider } = await import(pathToFileURL(require.resolve('oidc-provider')));
const key = (kind, options, extra) => ({ ...generateKeyPairSync(kind, options).privateKey.export({ format: 'jwk' }), use: 'sig', ...extra });
const groups = new Map();

let callback = (_request, response) => response.writeHead(503).end();
const server = createServer((request, response) => callback(request, response));
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const issuer = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(issuer, {
  clients: [{ client_id: clientId, client_secret: clientSecret, redirect_uris: [redirectUri] }],
  jwks: { keys: [key('rsa', { modulusLength: 2048 }, { kid: 'r', alg: 'RS256' }), key('ec', { namedCurve: 'P-256' }, { kid: 'e', alg: 'ES256' })] },
  cookies: { keys: ['for tests'] },
  claims: { openid: ['sub', 'amr', 'acr', 'auth_time'], profile: ['preferred_username', 'groups'] },
  conformIdTokenClaims: false,
  features: { devInteractions: { enabled: false } },
  interactions: { url: (_context, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id, preferred_username: `${id}@alder.example`, groups: groups.get(id) ?? [] }) }),
  loadExistingGrant: async (context) => {
    const grant = new context.oidc.provider.Grant({ clientId: context.oidc.client.clientId, accountId: context.oidc.session.accountId });
    grant.addOIDCScope('openid profile');
    await grant.save();
    return grant;
  },
});

const signIn = async (request, response) => {
  const account = request.headers['x-account'];
  groups.set(account, (request.headers['x-groups'] ?? '').split(',').filter(Boolean));
  const amr = (request.headers['x-amr'] ?? 'pwd').split(',');
  await provider.interactionFinished(request, response, { login: { accountId: account, amr } }, { mergeWithLastSubmission: false });
};
const answer = provider.callback();
callback = (request, response) => (request.url.startsWith('/interaction/') ? signIn(request, response) : answer(request, response));
process.stdout.write(`${issuer}\n`);
