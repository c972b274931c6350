/*
 * An authorization server for the scenarios: the package oidc-provider, which is certified for OpenID Connect. One process serves any number of issuers,
 * each at a path of its own with keys, clients and sessions of its own, so that tests do not meet.
 *
 *     PORT=4000 MODULES=BUILD/tests/provider node provider.js
 *
 * kit/provider.py drives it:
 *
 *     POST /control/issuers {options}         makes an issuer; answers {"issuer": URL}
 *     POST /control/issuers/NAME {options}    the same issuer with other options: rotated keys, clients; what it has issued stays
 *     GET  /control/issuers/NAME              what was asked of it: {"requests": [{method, path, form}]}
 *     DELETE /control/issuers/NAME
 *     GET  /control/lease                     a test process uses it as long as this answer goes on; it ends when nobody does
 *
 * Whoever comes to the login page is the user that `login_hint` names, or alice: the page has a form that sends itself.
 */
'use strict';

const http = require('http');
const { createRequire } = require('module');
const { pathToFileURL } = require('url');
const path = require('path');

const KEPT_REQUESTS = 500;
const from = createRequire(path.join(process.env.MODULES, 'package.json'));
const port = Number(process.env.PORT);
const base = `http://127.0.0.1:${port}`;
const LINGERS_MS = 3000; // after the last test process has let go
const issuers = new Map();
let Provider;

/* What one issuer keeps, for the interface that oidc-provider wants of an adapter. */
function storage() {
  const kept = new Map();
  const ofGrant = new Map();
  return class Adapter {
    constructor(model) {
      this.model = model;
    }

    key(id) {
      return `${this.model}:${id}`;
    }

    async upsert(id, payload, expiresIn) {
      kept.set(this.key(id), { payload, ends: expiresIn ? Date.now() + expiresIn * 1000 : Infinity });
      if (payload.grantId && this.model !== 'Grant') {
        ofGrant.set(payload.grantId, [...(ofGrant.get(payload.grantId) || []), this.key(id)]);
      }
    }

    async find(id) {
      const entry = kept.get(this.key(id));
      return entry && entry.ends > Date.now() ? entry.payload : undefined;
    }

    async findBy(member, value) {
      for (const [key, { payload }] of kept) {
        if (key.startsWith(`${this.model}:`) && payload[member] === value) return payload;
      }
      return undefined;
    }

    async findByUid(uid) {
      return this.findBy('uid', uid);
    }

    async findByUserCode(userCode) {
      return this.findBy('userCode', userCode);
    }

    async destroy(id) {
      kept.delete(this.key(id));
    }

    async consume(id) {
      kept.get(this.key(id)).payload.consumed = Math.floor(Date.now() / 1000);
    }

    async revokeByGrantId(grantId) {
      for (const key of ofGrant.get(grantId) || []) kept.delete(key);
      ofGrant.delete(grantId);
    }
  };
}

/* A resource says by its name what its tokens look like: https://api.test/opaque, https://api.test/jwt, https://api.test/ES256. */
function resourceServer(options, resource) {
  const kind = resource.split('/').pop();
  const format = kind === 'opaque' ? 'opaque' : 'jwt';
  return {
    scope: options.scopes.join(' '),
    audience: resource,
    accessTokenTTL: options.access_token_ttl,
    accessTokenFormat: format,
    jwt: format === 'jwt' && kind !== 'jwt' ? { sign: { alg: kind } } : undefined,
  };
}

function configuration(options, prefix, Adapter) {
  const everyAlg = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'HS256', 'HS384', 'HS512'];
  return {
    adapter: Adapter,
    jwks: { keys: options.keys },
    clients: options.clients,
    // The cookies of one issuer are not sent to others, nor to a gateway of the same host.
    cookies: { keys: [prefix], long: { path: prefix, signed: true }, short: { path: prefix, signed: true } },
    scopes: ['openid', 'offline_access', ...options.scopes],
    claims: { openid: ['sub'], profile: ['name', 'groups'], email: ['email', 'email_verified'], acr: null, auth_time: null, sid: null, iss: null },
    conformIdTokenClaims: options.claims_by_userinfo,
    acrValues: ['urn:level:1', 'urn:level:2'],
    pkce: { required: () => options.pkce_required, methods: ['S256'] },
    ttl: {
      AccessToken: options.access_token_ttl,
      ClientCredentials: options.access_token_ttl,
      IdToken: options.id_token_ttl,
      RefreshToken: options.refresh_token_ttl,
      Session: 3600,
      Grant: 3600,
      Interaction: 600,
    },
    rotateRefreshToken: options.rotate_refresh_token,
    issueRefreshToken: async (ctx, client, code) => client.grantTypeAllowed('refresh_token') && (options.always_refresh || code.scopes.has('offline_access')),
    interactions: { url: (ctx, interaction) => `${prefix}/interaction/${interaction.uid}` },
    loadExistingGrant: (ctx) => grantAll(ctx, options),
    findAccount: async (ctx, id) => ({
      accountId: id,
      claims: async () => ({ sub: id, name: `${id} of Tests`, email: `${id}@test.example`, email_verified: true, groups: ['staff', id], ...options.claims[id] }),
    }),
    enabledJWA: {
      idTokenSigningAlgValues: everyAlg,
      userinfoSigningAlgValues: everyAlg,
      introspectionSigningAlgValues: everyAlg,
      clientAuthSigningAlgValues: everyAlg,
      requestObjectSigningAlgValues: everyAlg,
    },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true, allowedPolicy: async () => true },
      revocation: { enabled: true },
      jwtIntrospection: { enabled: true },
      jwtUserinfo: { enabled: true },
      encryption: { enabled: true },
      dPoP: { enabled: true, nonceSecret: Buffer.alloc(32, 7), requireNonce: () => options.dpop_nonce },
      pushedAuthorizationRequests: { enabled: options.par, requirePushedAuthorizationRequests: options.par_required },
      backchannelLogout: { enabled: true },
      rpInitiatedLogout: { enabled: true, logoutSource, postLogoutSuccessSource },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => options.resource || undefined,
        useGrantedResource: () => true,
        getResourceServerInfo: (ctx, resource) => resourceServer(options, resource),
      },
    },
    renderError: async (ctx, out) => {
      ctx.type = 'json';
      ctx.body = out;
    },
  };
}

/* No page asks for consent: what a client asks for is granted. */
async function grantAll(ctx, options) {
  const { client, session, provider, params } = ctx.oidc;
  const grantId = session.grantIdFor(client.clientId);
  const grant = (grantId && await provider.Grant.find(grantId)) || new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
  grant.addOIDCScope('openid offline_access ' + options.scopes.join(' '));
  grant.addOIDCClaims(['name', 'groups', 'email', 'email_verified', 'acr', 'auth_time']);
  for (const resource of [options.resource, params.resource].flat().filter(Boolean)) {
    grant.addResourceScope(resource, options.scopes.join(' '));
  }
  await grant.save();
  return grant;
}

function page(content) {
  return `<!doctype html><title>provider</title><body>${content}<script>document.forms[0].submit()</script></body>`;
}

async function logoutSource(ctx, form) {
  ctx.body = page(form.replace('</form>', '<input type="hidden" name="logout" value="yes"/></form>'));
}

async function postLogoutSuccessSource(ctx) {
  ctx.body = '<!doctype html><title>provider</title>logged out';
}

async function body(req) {
  const pieces = [];
  for await (const piece of req) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

/* The login page. */
async function interact(issuer, req, res) {
  const details = await issuer.provider.interactionDetails(req, res);
  if (req.method === 'GET') {
    res.setHeader('Content-Type', 'text/html');
    res.end(page(`<form method="post"><input name="login" value="${encodeURIComponent(details.params.login_hint || 'alice')}"/></form>`));
    return;
  }
  const login = decodeURIComponent(new URLSearchParams(await body(req)).get('login'));
  const result = login === 'refuse' ? { error: 'access_denied', error_description: 'the user refused' }
    : { login: { accountId: login, acr: details.params.acr_values ? details.params.acr_values.split(' ')[0] : 'urn:level:1' } };
  await issuer.provider.interactionFinished(req, res, result, { mergeWithLastSubmission: false });
}

function setUp(issuer, options) {
  issuer.options = { ...issuer.options, ...options };
  issuer.provider = new Provider(`${base}/${issuer.name}`, configuration(issuer.options, `/${issuer.name}`, issuer.Adapter));
  issuer.callback = issuer.provider.callback();
  issuer.provider.on('server_error', (ctx, error) => console.log(issuer.name, error.stack));
  issuer.provider.on('backchannel.error', (ctx, error, client) => console.log(issuer.name, client.clientId, String(error)));
}

function answer(res, status, value) {
  res.writeHead(status, { 'Content-Type': 'application/json' });
  res.end(JSON.stringify(value));
}

async function control(req, res, name) {
  const issuer = issuers.get(name);
  if (name && !issuer) {
    answer(res, 404, { error: `there is no issuer ${name}` });
  } else if (req.method === 'GET') {
    answer(res, 200, { requests: issuer.requests });
  } else if (req.method === 'DELETE') {
    issuers.delete(name);
    answer(res, 200, {});
  } else {
    const options = JSON.parse(await body(req));
    const changed = issuer || { name: options.name, Adapter: storage(), requests: [], options: {} };
    setUp(changed, options);
    issuers.set(changed.name, changed);
    answer(res, 200, { issuer: changed.provider.issuer });
  }
}

/* What tests want to see of a request. Its body is read by oidc-provider, so it is looked at as it passes. */
function remember(issuer, req) {
  const entry = { method: req.method, path: req.url, authorization: req.headers.authorization, dpop: req.headers.dpop, form: '' };
  issuer.requests.push(entry);
  if (issuer.requests.length > KEPT_REQUESTS) issuer.requests.shift();
  const emit = req.emit;
  req.emit = function emitted(event, data, ...more) {
    if (event === 'data') entry.form += data;
    return emit.call(this, event, data, ...more);
  };
}

let leases = 0;

function lease(req, res) {
  leases += 1;
  res.writeHead(200);
  res.write('leased');
  req.socket.on('close', () => {
    leases -= 1;
    endWhenUnused();
  });
}

function endWhenUnused() {
  setTimeout(() => {
    if (leases === 0) process.exit(0);
  }, LINGERS_MS);
}

async function serve(req, res) {
  const [, first, ...rest] = req.url.split('?')[0].split('/');
  if (first === 'control' && rest[0] === 'lease') {
    lease(req, res);
  } else if (first === 'control') {
    await control(req, res, rest[1]);
  } else if (!issuers.has(first)) {
    answer(res, 404, { error: 'there is no such issuer' });
  } else {
    await serveIssuer(issuers.get(first), req, res);
  }
}

async function serveIssuer(issuer, req, res) {
  const { name } = issuer;
  req.originalUrl = req.url;
  req.url = req.url.slice(name.length + 1) || '/';
  remember(issuer, req);
  if (req.url.startsWith('/interaction/')) await interact(issuer, req, res);
  else issuer.callback(req, res);
}

async function main() {
  ({ default: Provider } = await import(pathToFileURL(from.resolve('oidc-provider'))));
  const server = http.createServer((req, res) => {
    serve(req, res).catch((error) => {
      console.log(error.stack);
      answer(res, 500, { error: String(error) });
    });
  });
  server.keepAliveTimeout = 60000;
  server.listen(port, '127.0.0.1');
  // The process that has started it takes a lease at once.
  setTimeout(endWhenUnused, 20000);
}

main();
