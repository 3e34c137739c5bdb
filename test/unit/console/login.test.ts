import { operationView, STATUS } from './samples.ts';
import { type Answers, json, openTab, refused } from './tab.ts';

const TOKEN = 'gAAAAAB-a_valid.token';
/** An API that accepts one token. */
const withToken: Answers = (path, init) => {
  if (new Headers(init.headers).get('x-auth-token') !== TOKEN) return refused(401);
  return json(path.startsWith('/v1/status') ? STATUS : { operations: [operationView()] });
};
const withoutToken: Answers = (path) =>
  json(path.startsWith('/v1/status') ? STATUS : { operations: [] });

describe('the login', () => {
  it('is not shown where the API needs no token to read', async () => {
    const tab = openTab(withoutToken);
    const opened = tab.page.open();
    await tab.until(() => tab.main.textContent?.includes('Nothing needs a person now') ?? false);
    expect(tab.calls.every(({ headers }) => !('x-auth-token' in headers))).toBe(true);
    expect(tab.head.textContent).not.toContain('Log out');
    tab.page.close();
    await opened;
  });

  it('shows how to get a token, sends it as a header, and removes it', async () => {
    const tab = openTab(withToken);
    await tab.page.open();
    expect(tab.main.textContent).toContain(
      'openstack --os-system-scope all token issue -f value -c id',
    );
    const input = tab.main.querySelector('input');
    expect([input?.getAttribute('type'), input?.getAttribute('autocomplete')]).toEqual([
      'password',
      'off',
    ]);
    const opened = tab.page.logIn(` ${TOKEN}\n`);
    await tab.until(() => tab.main.textContent?.includes('Operations by state') ?? false);
    expect(tab.head.textContent).toContain('Log out');
    expect(tab.document.documentElement.outerHTML).not.toContain(TOKEN);
    expect(tab.calls.map(({ path }) => path).join()).not.toContain(TOKEN);
    const closed = tab.page.logOut();
    await opened;
    await closed;
    expect(tab.state.token).toBeUndefined();
    expect(tab.main.textContent).toContain('Log in');
  });

  it('shows the reason for a refused token, and stays on the requested page', async () => {
    const tab = openTab(withToken, { hash: '#/holds' });
    await tab.page.logIn('wrong-token');
    expect(tab.main.querySelector('[role=alert]')?.textContent).toBe('Status 401');
    expect(tab.state.hash).toBe('#/holds');
  });

  it('is shown again when the token expires', async () => {
    let isExpired = false;
    const tab = openTab((path, init) => (isExpired ? refused(401) : withToken(path, init)));
    const opened = tab.page.logIn(TOKEN);
    await tab.until(() => tab.sleeps.length > 0);
    isExpired = true;
    tab.sleeps.at(-1)?.wake();
    await opened;
    expect(tab.main.textContent).toContain('Log in');
  });

  it.each(['', '   ', 'two words', 'line\nbreak', 'ü', 'x'.repeat(8193)])(
    'does not send a text that is no token: %j',
    async (text) => {
      const tab = openTab(withToken);
      await tab.page.logIn(text);
      expect(tab.calls).toEqual([]);
      expect(tab.document.getElementById('notice')?.textContent).toContain('not a token');
    },
  );

  it('asks for no token over plain HTTP, and shows the next step', async () => {
    const tab = openTab(withToken, { isSafe: false });
    await tab.page.open();
    expect(tab.main.querySelector('input')).toBeNull();
    expect(tab.main.textContent).toContain('ssh -L 8787:127.0.0.1:8787');
  });

  it('names a missing role, and does not ask repeatedly', async () => {
    const tab = openTab(() => refused(403));
    await tab.page.open();
    expect(tab.main.textContent).toContain('Status 403');
    expect(tab.main.textContent).toContain('Do this.');
  });
});

describe('a tab', () => {
  it('sends only GET requests', async () => {
    for (const hash of ['#/', '#/operations', '#/dead-letters', '#/holds', '#/services']) {
      const tab = openTab(() => refused(404), { hash });
      await tab.page.open();
      expect(new Set(tab.calls.map(({ method }) => method))).toEqual(new Set(['GET']));
    }
  });

  it('ignores a late answer for a page that is no longer shown', async () => {
    const { promise, resolve } = Promise.withResolvers<Response>();
    const tab = openTab((path) =>
      path.startsWith('/v1/holds') ? promise : json({ deadLetters: [] }),
    );
    tab.state.hash = '#/holds';
    const left = tab.page.open();
    tab.state.hash = '#/dead-letters';
    const opened = tab.page.open();
    await tab.until(() => tab.main.textContent?.includes('No message was given up') ?? false);
    resolve(json({ holds: [], suspensions: [] }));
    await left;
    expect(tab.main.querySelector('h1')?.textContent).toBe('Dead letters');
    expect(tab.document.title).toBe('Dead letters · keystone-propagator');
    tab.page.close();
    await opened;
  });

  it('keeps the old data of a list, marks them as outdated, and reads the list again', async () => {
    let isUp = true;
    const tab = openTab(() => (isUp ? json({ deadLetters: [] }) : undefined), {
      hash: '#/dead-letters',
    });
    const opened = tab.page.open();
    const status = () => tab.head.querySelector('.connection')?.textContent ?? '';
    await tab.until(() => status() === 'Live' && tab.sleeps.length === 1);
    isUp = false;
    tab.sleeps[0]?.wake();
    await tab.until(() => status().startsWith('Connection lost') && tab.sleeps.length === 2);
    expect(tab.main.textContent).toContain('No message was given up');
    isUp = true;
    tab.sleeps[1]?.wake();
    await tab.until(() => status() === 'Live');
    tab.page.close();
    await opened;
  });

  it.each<[string, () => Promise<Response> | Response]>([
    ['does not begin', () => new Promise<Response>(() => undefined)],
    ['does not end', () => new Response(new ReadableStream(), { status: 200 })],
  ])('gives up an answer that %s, and says that the data is old', async (_, silent) => {
    let isSilent = false;
    const tab = openTab(() => (isSilent ? silent() : json({ deadLetters: [] })), {
      hash: '#/dead-letters',
    });
    const opened = tab.page.open();
    const status = () => tab.head.querySelector('.connection')?.textContent ?? '';
    await tab.until(() => tab.sleeps.length === 1);
    isSilent = true;
    tab.sleeps[0]?.wake();
    await tab.until(() => tab.calls.length === 2);
    expect(status()).toBe('Live');
    expect(tab.timeouts.map(({ millis }) => millis)).toEqual([20_000, 20_000]);
    tab.timeouts[1]?.abort();
    await tab.until(() => status().startsWith('Connection lost: the shown data is old.'));
    expect(tab.main.textContent).toContain('No message was given up');
    isSilent = false;
    tab.sleeps[1]?.wake();
    await tab.until(() => status() === 'Live');
    tab.page.close();
    await opened;
  });

  it('does not mark data as outdated where it shows none', async () => {
    for (const [answer, text] of [
      [() => refused(503), 'The API reports an error.'],
      [() => refused(500), 'The API reports an error.'],
      [() => undefined, 'Connection lost.'],
    ] as const) {
      const tab = openTab(answer);
      const opened = tab.page.open();
      await tab.until(() => tab.sleeps.length === 1);
      expect(tab.head.querySelector('[role=status]')?.textContent).toBe(text);
      tab.page.close();
      await opened;
    }
  });

  it.each([
    [400, 'Correct the address of this page'],
    [404, 'propagator operation list'],
    [403, 'Log in with a token'],
  ])(
    'does not repeat a request that the API refuses with %i, and shows the next step',
    async (status, advice) => {
      const answer = () => json({ error: { code: 'api.x', message: 'no' } }, status);
      const tab = openTab(answer, { hash: '#/operations?state=x' });
      await tab.page.open();
      expect(tab.calls).toHaveLength(1);
      expect(tab.head.querySelector('[role=status]')?.textContent).toBe('Not updated');
      expect(tab.main.textContent).toContain(advice);
    },
  );

  it('shows that a page does not exist, and sends no request', async () => {
    const tab = openTab(withoutToken, { hash: '#/nothing' });
    await tab.page.open();
    expect(tab.main.textContent).toContain('The console has no page at this address.');
    expect(tab.head.textContent).not.toContain('Loading');
    expect(tab.calls).toEqual([]);
  });

  it('copies a command, and shows a refusal of the browser', async () => {
    const tab = openTab(withoutToken);
    await tab.page.copy('propagator status');
    const notice = () => tab.document.getElementById('notice')?.textContent;
    expect([tab.copied, notice()]).toEqual([['propagator status'], 'Copied.']);
    tab.state.permitsCopy = false;
    await tab.page.copy('propagator status');
    expect(notice()).toContain('Select the command');
  });

  it('shows ages by the clock of the propagator', async () => {
    const server = 1_800_000_000_000;
    const date = { date: new Date(server).toUTCString() };
    const hold = { target: 'project', id: 'p', by: 'ann', reason: 'r', at: server - 65_000 };
    const tab = openTab(() => json({ holds: [hold], suspensions: [] }, 200, date), {
      hash: '#/holds',
      now: server + 3_600_000,
    });
    const opened = tab.page.open();
    await tab.until(() => tab.main.querySelector('time') !== null);
    expect(tab.main.querySelector('time')?.textContent).toBe('1m 5s');
    tab.page.close();
    await opened;
  });
});
