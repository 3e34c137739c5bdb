import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, connect, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { TLSSocket } from 'node:tls';
import { makeCertificates } from '../certificates.ts';

/** One login as Keystone received it. */
export interface Login {
  readonly url: string;
  readonly body: unknown;
  /** The common name of the client certificate. */
  readonly certificate?: string;
}
/** The calls of a client since the last reading. */
export interface Seen {
  logins: Login[];
  /** Paths of calls to the image service: they show region and interface. */
  images: string[];
  /** True if a call came through the proxy. */
  proxied: boolean;
}
export interface FakeKeystone {
  /** Replaces the placeholders of a test file (`@http@`, `@dir@`, …). */
  fill(text: string): string;
  /** Puts the placeholders back, for a record that names no port. */
  blank(text: string): string;
  /** Returns the calls since it was last called. */
  take(): Seen;
  close(): Promise<void>;
}

const REGIONS = ['North', 'South'];
const INTERFACES = ['public', 'internal', 'admin'];

/**
 * Starts a Keystone and an image service on loopback, over HTTP and over TLS, and an HTTP proxy.
 * `folder` receives the certificates of `makeCertificates`.
 */
export async function startKeystone(folder: string): Promise<FakeKeystone> {
  makeCertificates(folder, 'IP:127.0.0.1,DNS:localhost');
  let seen: Seen = { logins: [], images: [], proxied: false };
  const sockets = new Set<Socket>();
  const listen = async (server: Server): Promise<number> => {
    server.on('connection', (socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return (server.address() as AddressInfo).port;
  };

  const answer = (message: IncomingMessage, response: ServerResponse): void => {
    const url = message.url ?? '/';
    const host = message.headers.host ?? '';
    const base = `${message.socket instanceof TLSSocket ? 'https' : 'http'}://${host}`;
    let text = '';
    message.on('data', (part) => {
      text += part;
    });
    message.on('end', () => {
      const [status, body] = reply(message, url, base, text, seen);
      response.writeHead(status, {
        'content-type': 'application/json',
        'x-subject-token': 'token',
      });
      response.end(JSON.stringify(body));
    });
  };
  const plain = createServer(answer);
  const tls = createTlsServer(
    { ...pair(folder, 'server'), requestCert: true, rejectUnauthorized: false },
    answer,
  );
  tls.on('tlsClientError', () => undefined);
  const proxy = createServer((incoming, outgoing) => {
    seen.proxied = true;
    const to = request(incoming.url ?? '', {
      method: incoming.method ?? 'GET',
      headers: incoming.headers,
    });
    to.on('response', (from) => {
      outgoing.writeHead(from.statusCode ?? 502, from.headers);
      from.pipe(outgoing);
    });
    to.on('error', () => outgoing.writeHead(502).end());
    incoming.pipe(to);
  });
  proxy.on('connect', (incoming, socket: Socket) => {
    seen.proxied = true;
    const [host, port] = (incoming.url ?? '').split(':');
    const to = connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      to.pipe(socket).pipe(to);
    });
    to.on('error', () => socket.destroy());
    socket.on('error', () => to.destroy());
  });
  const servers = [plain, tls, proxy];
  // Node closes an idle connection after 5 s. A client on a busy machine pauses longer between two
  // calls, and its next one would be reset.
  for (const server of servers) server.keepAliveTimeout = 0;
  const [httpPort, tlsPort, proxyPort] = [
    await listen(plain),
    await listen(tls),
    await listen(proxy),
  ];
  const places: readonly (readonly [string, string])[] = [
    ['@http@', `http://127.0.0.1:${httpPort}`],
    ['@https@', `https://127.0.0.1:${tlsPort}`],
    ['@named@', `http://localhost:${httpPort}`],
    ['@proxy@', `http://127.0.0.1:${proxyPort}`],
    ['@proxyhost@', `127.0.0.1:${proxyPort}`],
    ['@port@', String(httpPort)],
    ['@dir@', folder],
  ];
  return {
    fill: (text) =>
      places.reduce((filled, [place, value]) => filled.replaceAll(place, value), text),
    blank: (text) => places.reduce((blank, [place, value]) => blank.replaceAll(value, place), text),
    take() {
      const taken = seen;
      seen = { logins: [], images: [], proxied: false };
      return taken;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
    },
  };
}

function reply(
  message: IncomingMessage,
  url: string,
  base: string,
  text: string,
  seen: Seen,
): [number, unknown] {
  if (message.method === 'POST' && url.endsWith('/auth/tokens')) {
    const { socket } = message;
    const name = socket instanceof TLSSocket ? socket.getPeerCertificate().subject?.CN : undefined;
    const certificate = Array.isArray(name) ? name[0] : name;
    seen.logins.push({
      url: base + url,
      body: JSON.parse(text),
      ...(certificate ? { certificate } : {}),
    });
    return [201, token(base)];
  }
  if (/\/images/.test(url)) {
    seen.images.push(url);
    return [200, { images: [] }];
  }
  const image = /^\/(\w+\/\w+\/image|chosen)\/?(v2\/?)?$/.exec(url);
  if (image) {
    const version = {
      id: 'v2.9',
      status: 'CURRENT',
      links: [{ rel: 'self', href: `${base}/${image[1]}/v2/` }],
    };
    return [300, { versions: [version] }];
  }
  const version = {
    id: 'v3.14',
    status: 'stable',
    updated: '2020-04-07T00:00:00Z',
    'media-types': [
      { base: 'application/json', type: 'application/vnd.openstack.identity-v3+json' },
    ],
    links: [{ rel: 'self', href: `${base}${url.replace(/\/(v3\/?)?$/, '')}/v3/` }],
  };
  if (/\/v3\/?$/.test(url)) return [200, { version }];
  if (/^\/(identity\/?)?$/.test(url)) return [300, { versions: { values: [version] } }];
  return [404, { error: { code: 404, title: 'Not Found', message: url } }];
}

function token(base: string): unknown {
  const domain = { id: 'default', name: 'Default' };
  const endpoints = (path: string): unknown[] =>
    REGIONS.flatMap((region) =>
      INTERFACES.map((which) => ({
        id: `${region}-${which}`,
        interface: which,
        region,
        region_id: region,
        url: `${base}${path.replace('@', `${region}/${which}`)}`,
      })),
    );
  return {
    token: {
      methods: ['password'],
      user: { id: 'u1', name: 'cleaner', domain },
      project: { id: 'p1', name: 'ops', domain },
      roles: [{ id: 'r1', name: 'admin' }],
      issued_at: '2026-01-01T00:00:00.000000Z',
      expires_at: '2099-01-01T00:00:00.000000Z',
      audit_ids: ['a'],
      catalog: [
        { id: 's1', type: 'identity', name: 'keystone', endpoints: endpoints('/v3') },
        { id: 's2', type: 'image', name: 'glance', endpoints: endpoints('/@/image') },
      ],
    },
  };
}

const pair = (folder: string, name: string) => ({
  cert: readFileSync(join(folder, `${name}.pem`)),
  key: readFileSync(join(folder, `${name}.key`)),
});
