// A program with the OAuth of the SDK of npm: registers itself with the provider, prints the address at which its
// person logs in, and then the projects that it sees. Its arguments are the SDK and the address of the server.
import { createServer } from 'node:http';
import { createRequire } from 'node:module';

const load = createRequire(process.argv[2]);
const { Client } = load('@modelcontextprotocol/sdk/client/index.js');
const { StreamableHTTPClientTransport } = load('@modelcontextprotocol/sdk/client/streamableHttp.js');
const { UnauthorizedError } = load('@modelcontextprotocol/sdk/client/auth.js');

let arrive;
const arrived = new Promise((resolve) => (arrive = resolve));
const callback = createServer((request, response) => {
  response.end('You can close this.');
  arrive(new URL(request.url, 'http://localhost').searchParams.get('code'));
});
await new Promise((resolve) => callback.listen(0, '127.0.0.1', resolve));
const redirectUrl = `http://127.0.0.1:${callback.address().port}/callback`;
const kept = {};
const authProvider = {
  redirectUrl,
  clientMetadata: {
    client_name: 'A program of a test',
    redirect_uris: [redirectUrl],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
    scope: 'openid email groups',
  },
  clientInformation: () => kept.client,
  saveClientInformation: (client) => void (kept.client = client),
  tokens: () => kept.tokens,
  saveTokens: (tokens) => void (kept.tokens = tokens),
  codeVerifier: () => kept.verifier,
  saveCodeVerifier: (verifier) => void (kept.verifier = verifier),
  redirectToAuthorization: (url) => console.log(url.href),
};

async function connect() {
  const transport = new StreamableHTTPClientTransport(new URL(process.argv[3]), { authProvider });
  const client = new Client({ name: 'test', version: '1' });
  try {
    await client.connect(transport);
    return client;
  } catch (error) {
    if (!(error instanceof UnauthorizedError)) throw error;
    await transport.finishAuth(await arrived);
    return connect();
  }
}

const client = await connect();
const { content } = await client.callTool({ name: 'list_projects', arguments: {} });
console.log(JSON.stringify({ projects: content[0].text, client: kept.client.client_id }));
await client.close();
callback.close();
callback.closeAllConnections();
