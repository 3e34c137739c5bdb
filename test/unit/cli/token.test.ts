import { withApiToken } from '../../../lib/cli/token.ts';

const LOCAL = 'http://127.0.0.1:8787';
const FILES = { '/srv/data/api-token': 'token-of-the-file\n' } as Readonly<Record<string, string>>;

/**
 * A command in this environment that calls the API at `base`. `sent`: the header `Authorization` of
 * each call.
 */
function commandOf(environment: Record<string, string>, base = LOCAL) {
  const sent: (string | null)[] = [];
  const send = withApiToken(
    base,
    environment,
    (path) => FILES[path],
    async (_url, init) => {
      sent.push(new Headers(init.headers).get('authorization'));
      return Response.json({});
    },
  );
  return { sent, send: (method?: string) => send(`${base}/v1/waivers`, method ? { method } : {}) };
}

describe('the API token of a command', () => {
  it.each(['POST', 'DELETE', 'PUT'])('is sent with %s, which changes something', async (method) => {
    const { sent, send } = commandOf({ PROPAGATOR_DATA: '/srv/data' });
    await send(method);
    expect(sent).toEqual(['Bearer token-of-the-file']);
  });

  it('is not sent with a read request', async () => {
    const { sent, send } = commandOf({});
    await send();
    await send('GET');
    expect(sent).toEqual([null, null]);
  });

  it.each([
    ['the data folder', { PROPAGATOR_DATA: '/srv/data' }, 'token-of-the-file'],
    [
      'the file',
      { PROPAGATOR_API_TOKEN_FILE: '/srv/data/api-token', PROPAGATOR_DATA: '/other' },
      'token-of-the-file',
    ],
    ['the environment', { PROPAGATOR_API_TOKEN: 'given', PROPAGATOR_DATA: '/srv/data' }, 'given'],
  ])('comes from %s', async (_, environment: Record<string, string>, token) => {
    const { sent, send } = commandOf(environment);
    await send('POST');
    expect(sent).toEqual([`Bearer ${token}`]);
  });

  it('stops the command if it cannot be read; the error names the file and the settings', () => {
    const { sent, send } = commandOf({ PROPAGATOR_DATA: '/root/data' });
    expect(() => send('POST')).toThrow(
      'the token file /root/data/api-token cannot be read; nothing was sent',
    );
    expect(sent).toEqual([]);
  });

  it('is never sent to another machine if the token comes from the token file', () => {
    const { sent, send } = commandOf(
      { PROPAGATOR_DATA: '/srv/data' },
      'https://propagator.example',
    );
    expect(() => send('POST')).toThrow(
      'this command changes something on propagator.example, and PROPAGATOR_API_TOKEN is not set; nothing was sent',
    );
    expect(sent).toEqual([]);
  });

  it('is sent to another machine only over TLS', async () => {
    const environment = { PROPAGATOR_API_TOKEN: 'given' };
    expect(() => commandOf(environment, 'http://propagator.example').send('POST')).toThrow(
      'unencrypted; nothing was sent',
    );
    const { sent, send } = commandOf(environment, 'https://propagator.example');
    await send('POST');
    expect(sent).toEqual(['Bearer given']);
  });
});
