import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { openServer } from '../../../lib/engine/postgres/server.ts';

/** One message of PostgreSQL's protocol, as a server sends it. */
function message(type: string, body: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.write(type);
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}
const ACCEPTED = message('R', Buffer.alloc(4));
const READY = message('Z', Buffer.from('I'));
const DONE = message('C', Buffer.from('SELECT 1\0'));
const STOPPING = message('E', Buffer.from('SFATAL\0C57P01\0Mterminating connection\0\0'));

let server: Server;
let connections = 0;
/**
 * A server that answers one statement on its first connection, and stops while it accepts the
 * second.
 */
function serve(socket: Socket): void {
  connections += 1;
  const isFirst = connections === 1;
  socket.on('error', () => undefined);
  socket.once('data', () => {
    socket.write(Buffer.concat([ACCEPTED, READY, ...(isFirst ? [] : [STOPPING])]));
    if (!isFirst) socket.end();
    socket.once('data', () => socket.end(Buffer.concat([DONE, READY])));
  });
}

beforeEach(async () => {
  connections = 0;
  server = createServer(serve).listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(() => new Promise<void>((resolve) => server.close(() => resolve())));

// An unhandled error would fail this test.
it('a server that stops while it accepts a connection fails the transaction, not the process', async () => {
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('the server has no port');
  const database = await openServer(`postgres://x@127.0.0.1:${address.port}/x`, () => undefined);
  try {
    // The pool has noticed the end of the first connection when a second one is opened.
    while (connections < 2)
      await database.transaction(async () => undefined).catch(() => undefined);
  } finally {
    await database.close();
  }
  expect(connections).toBe(2);
});
