// The provider `oidc-provider`: everybody is whom they say, of team-a. Prints its address, and reads from its
// input where it sends browsers back to.
import { createServer } from 'node:http';
import { createInterface } from 'node:readline/promises';
import { pathToFileURL } from 'node:url';

const { default: Provider } = await import(pathToFileURL(`${process.argv[2]}/lib/index.js`).href);
const server = createServer();
server.listen(0, '127.0.0.1', async () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  console.log(issuer);
  const redirect = await createInterface({ input: process.stdin }).question('');
  const provider = new Provider(issuer, {
    clients: [{ client_id: 'cicerone', client_secret: 'secret-of-the-client', redirect_uris: [redirect] }],
    claims: { openid: ['sub'], email: ['email', 'email_verified'], groups: ['groups'] },
    scopes: ['openid', 'email', 'groups', 'offline_access'],
    findAccount: (_context, id) => ({
      accountId: id,
      claims: () => ({ sub: id, email: `${id}@example.org`, email_verified: true, groups: ['team-a'] }),
    }),
    cookies: { keys: ['a key of a test'] },
    // Programs register themselves, and get tokens for the address that they name.
    features: {
      registration: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_context, resource) => ({
          scope: 'email groups',
          audience: resource,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: 'RS256' } },
        }),
      },
    },
    extraTokenClaims: (_context, { accountId }) => ({
      email: `${accountId}@example.org`,
      email_verified: true,
      groups: ['team-a'],
    }),
  });
  server.on('request', provider.callback());
  console.log('ready');
});
