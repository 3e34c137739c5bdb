import { waitMillisAfter } from '../../../console/live.ts';
import { removalRate, withSample } from '../../../console/pace.ts';
import { serverSentEvents } from '../../../console/stream.ts';
import { ID, operationView } from './samples.ts';
import { type Answers, eventStream, json, openTab, refused } from './tab.ts';

const HASH = `#/operations/${ID}`;
const count = (left: number) => ({ 'nova.server': { found: 10, removed: 10 - left, left } });
const at = (left: number, state = 'running') =>
  operationView('shop', { state: state as 'running' }, [{ counts: count(left) as never }]);

/**
 * A tab at one operation. Each connection takes the next of `streams`; it fails when none is left.
 */
function follow(...streams: (ReturnType<typeof eventStream> | Response | Promise<Response>)[]) {
  const left = [...streams];
  const answers: Answers = (path) => {
    if (path.startsWith('/v1/audit')) return json({ entries: [] });
    const next = left.shift();
    return next && 'answer' in next ? next.answer : next;
  };
  const tab = openTab(answers, { hash: HASH });
  const opened = tab.page.open();
  return {
    ...tab,
    connections: () => tab.calls.filter(({ path }) => path.endsWith('/events')),
    /** Ends the newest wait that is not one of the audit log. */
    wait: async (millis: number) => {
      await tab.until(() => tab.sleeps.some((one) => one.millis === millis));
      tab.sleeps.find((one) => one.millis === millis)?.wake();
    },
    header: () => tab.head.querySelector('.connection')?.textContent ?? '',
    text: () => tab.main.textContent ?? '',
    close: async () => {
      tab.page.close();
      await opened;
    },
    opened,
  };
}

describe('the page of an operation', () => {
  it('shows each event, and changes the elements in place', async () => {
    const stream = eventStream();
    const tab = follow(stream);
    stream.send('operation', at(6));
    await tab.until(() => tab.text().includes('4 of 10 removed, 6 left'));
    const bars = [...tab.main.querySelectorAll('progress')];
    const details = tab.main.querySelector('details');
    const code = tab.main.querySelector<HTMLElement>('code');
    details?.setAttribute('open', '');
    code?.focus();
    stream.send('operation', at(1));
    await tab.until(() => tab.text().includes('9 of 10 removed, 1 left'));
    expect([...tab.main.querySelectorAll('progress')]).toEqual(bars);
    expect(bars.map((bar) => bar.getAttribute('value'))).toEqual(['90', '90']);
    expect(bars[0]?.getAttribute('aria-label')).toBe('The whole operation: 90 %');
    expect(tab.main.querySelector('details')).toBe(details);
    expect(details?.hasAttribute('open')).toBe(true);
    expect(tab.document.activeElement).toBe(code);
    expect(tab.header()).toBe('Live');
    await tab.close();
  });

  it('keeps the shown state when the connection breaks, and continues after the last event', async () => {
    const [first, second] = [eventStream(), eventStream()];
    const tab = follow(first, refused(500), second);
    first.send('operation', at(6));
    first.send('operation', at(5));
    await tab.until(() => tab.text().includes('5 left'));
    first.fail();
    await tab.until(() => tab.header().startsWith('Connection lost: the shown data is old.'));
    expect(tab.header()).toContain('Next attempt in 1s');
    expect(tab.text()).toContain('5 of 10 removed, 5 left');
    await tab.wait(1000);
    await tab.wait(2000);
    second.send('operation', at(2));
    await tab.until(() => tab.text().includes('8 of 10 removed, 2 left'));
    expect(tab.header()).toBe('Live');
    expect(tab.connections().map(({ headers }) => headers['last-event-id'])).toEqual([
      undefined,
      '2',
      '2',
    ]);
    await tab.close();
  });

  it('opens a stream again that the server ended after its time, without a message', async () => {
    const [first, second] = [eventStream(), eventStream()];
    const tab = follow(first, second);
    first.send('operation', at(6));
    first.end();
    const seen = new Set<string>();
    const watch = tab.until(() => {
      if (tab.text().includes('left')) seen.add(tab.header());
      return tab.text().includes('3 left');
    });
    await tab.wait(500);
    second.send('operation', at(3));
    await watch;
    expect([...seen]).toEqual(['Live']);
    await tab.close();
  });

  it('ends with the stream, if the server says that the operation has ended', async () => {
    const stream = eventStream();
    const tab = follow(stream);
    stream.send('operation', at(6));
    await tab.until(() => tab.header() === 'Live');
    stream.send('end', {});
    await tab.until(() => tab.header().startsWith('Ended'));
    expect(tab.text()).toContain('6 left');
    expect(tab.connections()).toHaveLength(1);
    await tab.close();
  });

  it('ends with the operation, and sends no further request', async () => {
    const stream = eventStream();
    const tab = follow(stream);
    stream.send('operation', at(0, 'finished'));
    await tab.until(() => tab.header().startsWith('Ended'));
    expect(tab.text()).toContain('A new listing showed that nothing is left to do.');
    expect(tab.connections()).toHaveLength(1);
    await tab.close();
  });

  it('gives up a stream that does not begin, and keeps one that has begun', async () => {
    const stream = eventStream();
    const tab = follow(new Promise<Response>(() => undefined), stream);
    await tab.until(() => tab.connections().length === 1);
    tab.timeouts[0]?.abort();
    await tab.until(() => tab.header().startsWith('Connection lost.'));
    await tab.wait(1000);
    stream.send('operation', at(6));
    await tab.until(() => tab.text().includes('6 left'));
    for (const timeout of tab.timeouts) timeout.abort();
    stream.send('operation', at(5));
    await tab.until(() => tab.text().includes('5 left'));
    expect(tab.header()).toBe('Live');
    await tab.close();
  });

  it('reads the plan of a recoverable operation once, also if its window begins later', async () => {
    const stream = eventStream();
    const plan = { of: 'op-00000000000a', approvals: [], digest: '', allowedDrift: 0 };
    const inWindow = operationView('shop', { state: 'recoverable', plan: plan as never }, []);
    const tab = openTab(
      (path) => {
        if (path.endsWith('/events')) return stream.answer;
        if (path.startsWith('/v1/audit')) return json({ entries: [] });
        return json({
          id: plan.of,
          scope: { type: 'project', id: 'p1' },
          openedAt: 1,
          resources: 258,
          allowedDrift: 0,
          approvals: [],
          approvalsNeeded: 1,
          keystoneCheck: { refusals: [] },
        });
      },
      { hash: HASH },
    );
    const opened = tab.page.open();
    stream.send('operation', at(6, 'confirming'));
    await tab.until(() => tab.sleeps.length === 1);
    stream.send('operation', inWindow);
    await tab.until(() => tab.main.textContent?.includes('before the window ends') ?? false);
    tab.sleeps.at(-1)?.wake();
    await tab.until(() => tab.main.textContent?.includes('The plan lists 258 resources.') ?? false);
    tab.sleeps.at(-1)?.wake();
    await tab.until(() => tab.sleeps.length === 3);
    expect(tab.calls.filter(({ path }) => path.endsWith('/plan')).map(({ path }) => path)).toEqual([
      `/v1/operations/${plan.of}/plan`,
    ]);
    tab.page.close();
    await opened;
  });

  it('waits as long as a busy API asks', async () => {
    const stream = eventStream();
    const busy = json({ error: { code: 'api.streams', message: '50 clients' } }, 503, {
      'retry-after': '10',
    });
    const tab = follow(busy, stream);
    await tab.until(() => tab.text().includes('50 clients'));
    await tab.wait(10_000);
    stream.send('operation', at(6));
    await tab.until(() => tab.text().includes('6 left'));
    await tab.close();
  });

  it('does not try again if the operation does not exist, and shows the reason', async () => {
    const tab = follow(refused(404));
    await tab.opened;
    expect(tab.text()).toContain('Not found');
    expect(tab.connections()).toHaveLength(1);
  });

  it('names the part of an answer of another release that cannot be shown', async () => {
    const stream = eventStream();
    const tab = follow(stream);
    stream.send('operation', { operation: { id: ID, state: 7 } });
    await tab.opened;
    expect(tab.text()).toMatch(/answer\.operation\.action is not a string/);
    expect(tab.text()).toContain('different releases');
    expect(tab.connections()).toHaveLength(1);
  });
});

describe('the removal rate', () => {
  it('is shown with the time left while resources are removed', async () => {
    const stream = eventStream();
    const tab = follow(stream);
    stream.send('operation', at(8));
    await tab.until(() => tab.text().includes('8 left'));
    expect(tab.text()).not.toContain('per second');
    tab.state.now += 4000;
    stream.send('operation', at(4));
    await tab.until(() => tab.text().includes('4 left'));
    expect(tab.text()).toContain('1.0 per second, about 4s to go');
    stream.send('operation', at(0, 'finished'));
    await tab.until(() => tab.header().startsWith('Ended'));
    expect(tab.text()).not.toContain('per second');
    await tab.close();
  });

  it('is measured over the last minute, and is unknown while no resource is removed', () => {
    const [first, second] = [
      { at: 0, removed: 0 },
      { at: 50_000, removed: 500 },
    ];
    const samples = withSample(withSample([first], second), { at: 100_000, removed: 600 });
    expect(samples[0]).toBe(second);
    expect(removalRate(samples, 30)).toEqual({ perSecond: 2, remainingMillis: 15_000 });
    expect(removalRate([second, { at: 60_000, removed: 500 }], 30)).toBeUndefined();
    expect(removalRate([second], 30)).toBeUndefined();
  });
});

describe('the wait before the next attempt', () => {
  it('doubles up to 30 s, and is never shorter than the API asks', () => {
    expect([1, 2, 3, 4, 5, 6, 60].map((failures) => waitMillisAfter(failures, {}))).toEqual([
      1000, 2000, 4000, 8000, 16_000, 30_000, 30_000,
    ]);
    expect(waitMillisAfter(1, { waitMillis: 45_000 })).toBe(45_000);
  });
});

describe('server-sent events', () => {
  const text =
    ': heartbeat\n\nevent: operation\nid: 1\ndata: {"a":\ndata: "ü€😀"}\n\r\nevent: end\r\ndata: {}\r\n\r\ndata: cut';
  const bytes = new TextEncoder().encode(text);
  const read = async (chunks: Uint8Array[]) => {
    const events = [];
    const body = new ReadableStream<Uint8Array>({
      start(control) {
        for (const chunk of chunks) control.enqueue(chunk);
        control.close();
      },
    });
    for await (const event of serverSentEvents(body, 10_000)) events.push(event);
    return events;
  };

  it('are read correctly, wherever the network splits them', async () => {
    const whole = await read([bytes]);
    expect(whole).toEqual([
      { id: '1', event: 'operation', data: '{"a":\n"ü€😀"}' },
      { id: undefined, event: 'end', data: '{}' },
    ]);
    for (let cut = 1; cut < bytes.length; cut += 1)
      expect(await read([bytes.slice(0, cut), bytes.slice(cut)])).toEqual(whole);
    expect(await read([...bytes].map((byte) => Uint8Array.of(byte)))).toEqual(whole);
  });

  it('end with an error when no byte arrives, because a cut cable closes no stream', async () => {
    const body = new ReadableStream<Uint8Array>({ pull: () => new Promise(() => undefined) });
    await expect(serverSentEvents(body, 20).next()).rejects.toThrow('no byte arrived');
  });
});
