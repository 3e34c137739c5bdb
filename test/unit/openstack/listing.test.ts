import type { ServerResponse } from 'node:http';
import * as z from 'zod';
import { MAX_ROWS } from '../../../lib/openstack/listing.ts';
import type { ListOptions, Paging } from '../../../lib/task/service.ts';
import {
  failureOf,
  NETWORK,
  type ReceivedRequest,
  type ScriptedCloud,
  sendJson,
  startScriptedCloud,
} from './scripted-cloud.ts';

let cloud: ScriptedCloud;
beforeEach(async () => {
  cloud = await startScriptedCloud();
});
afterEach(() => cloud.close());

const row = z.object({ id: z.string(), owner: z.string().optional() });
const resources = (count: number) =>
  Array.from({ length: count }, (_none, index) => ({
    id: `t${String(index).padStart(3, '0')}`,
    owner: 'p',
  }));
const pages = () => cloud.requests.filter((request) => !request.path.startsWith('/identity'));
const ports = async (paging: Paging, more: Partial<ListOptions<typeof row>> = {}) => {
  const api = await cloud.network();
  return api.list('/v2.0/ports', { collection: 'ports', row, paging, ...more });
};

/**
 * Returns the page of `all` that the query asks for with `limit`, `marker` and `offset`. `full`:
 * the page has as many rows as the query allows.
 */
const pageFor = (request: ReceivedRequest, all: readonly { id: string }[], key = 'id') => {
  const limit = Math.min(Number(request.query.get('limit') ?? 1000), 1000);
  const marker = request.query.get('marker');
  const names = all.map((one) =>
    key === 'id' ? one.id : String(Object.entries(one).find(([name]) => name === key)?.[1]),
  );
  const start = marker ? names.indexOf(marker) + 1 : Number(request.query.get('offset') ?? 0);
  return {
    page: all.slice(start, start + limit),
    full: start + limit < all.length || all.length - start === limit,
  };
};

type Serve = (request: ReceivedRequest, response: ServerResponse, all: { id: string }[]) => void;
const STYLES: Record<Exclude<Paging, 'none'>, Serve> = {
  marker(request, response, all) {
    const { page, full } = pageFor(request, all);
    const href = `https://inner.example.org:8774/v2.0/ports?limit=1&marker=${page.at(-1)?.id}`;
    sendJson(response, 200, {
      ports: page,
      ...(full
        ? {
            ports_links: [
              { rel: 'previous', href: 'x' },
              { rel: 'next', href },
            ],
          }
        : {}),
    });
  },
  next(request, response, all) {
    const { page, full } = pageFor(request, all);
    sendJson(response, 200, {
      ports: page,
      first: '/v2/x',
      ...(full && page.length > 0 ? { next: `/v2/images?marker=${page.at(-1)?.id}&limit=1` } : {}),
    });
  },
  offset: (request, response, all) =>
    sendJson(response, 200, { ports: pageFor(request, all).page }),
  total: (request, response, all) =>
    sendJson(response, 200, { ports: pageFor(request, all).page, total: all.length }),
  swift: (request, response, all) =>
    sendJson(response, 200, {
      ports: pageFor(request, all).page.map((one) => ({ ...one, name: one.id })),
    }),
};

describe.each(['marker', 'next', 'offset', 'total', 'swift'] as const)(
  'a listing in pages of style %s',
  (paging) => {
    it.each([
      [0, 10],
      [1, 1],
      [7, 3],
      [9, 3],
      [10, 1],
      [5, 1000],
    ])('returns all of %i rows at %i a page, each once', async (count, pageSize) => {
      const all = resources(count);
      cloud.script = (request, response) => STYLES[paging](request, response, all);
      expect(await ports(paging, { pageSize })).toEqual({ rows: all, hasMore: false });
    });

    it('keeps the filters of the caller on every page', async () => {
      cloud.script = (request, response) => STYLES[paging](request, response, resources(5));
      await ports(paging, {
        pageSize: 2,
        query: { project_id: 'p', all_tenants: 1 },
        headers: { 'X-Mark': 'm' },
      });
      expect(pages().length).toBeGreaterThan(2);
      for (const page of pages()) {
        expect([
          page.query.get('project_id'),
          page.query.get('all_tenants'),
          page.query.get('limit'),
        ]).toEqual(['p', '1', '2']);
        expect(page.query.getAll('marker').length).toBeLessThan(2);
        expect(page.headers['x-mark']).toBe('m');
      }
    });

    it('stops when the caller has enough rows, and reports that there are more', async () => {
      cloud.script = (request, response) => STYLES[paging](request, response, resources(50));
      const { rows, hasMore } = await ports(paging, { pageSize: 4, maxRows: 10 });
      expect([rows.length >= 10, rows.length < 20, hasMore]).toEqual([true, true, true]);
      expect(await ports(paging, { maxRows: 5000 })).toEqual({
        rows: resources(50),
        hasMore: false,
      });
    });

    it('ends with an error if its pages repeat', async () => {
      cloud.script = (request, response) => {
        request.query.delete('marker');
        request.query.delete('offset');
        STYLES[paging](request, response, resources(50));
      };
      expect(await failureOf(ports(paging, { pageSize: 10 }))).toMatchObject({
        code: 'neutron.answer.endless',
        class: 'Unexpected',
      });
      expect(pages().length).toBeLessThan(5);
    });
  },
);

it('ends with an error before it exhausts the memory if every page is new', async () => {
  const rows = resources(1000);
  cloud.script = (_request, response) => {
    const href = `http://x/?marker=${pages().length}`;
    sendJson(response, 200, { ports: rows, ports_links: [{ rel: 'next', href }] });
  };
  expect(await failureOf(ports('marker'))).toMatchObject({
    code: 'neutron.answer.endless',
    class: 'Unexpected',
  });
  expect(pages()).toHaveLength(MAX_ROWS / rows.length + 1);
}, 120_000);

it('a listing of one page has all its rows, for any number of rows', async () => {
  const rows = resources(MAX_ROWS + 1);
  cloud.script = (_request, response) => sendJson(response, 200, { ports: rows });
  expect((await ports('marker')).rows).toHaveLength(MAX_ROWS + 1);
}, 120_000);

it('links with the singular name of the resource are followed, too, as in Cinder for groups and volume types', async () => {
  cloud.script = (request, response) => {
    const isFirst = request.query.get('marker') === null;
    const link = { group_links: [{ rel: 'next', href: 'http://x/v3/groups?marker=t001' }] };
    sendJson(response, 200, {
      groups: isFirst ? resources(2) : resources(3).slice(2),
      ...(isFirst ? link : {}),
    });
  };
  const api = await cloud.network();
  const { rows } = await api.list('/groups/detail', {
    collection: 'groups',
    row,
    paging: 'marker',
  });
  expect(rows.map(({ id }) => id)).toEqual(['t000', 't001', 't002']);
});

describe('"cannot list" is never "empty":', () => {
  const answerPages = (answer: (response: ServerResponse, page: number) => void) => {
    cloud.script = (_request, response) => answer(response, pages().length);
  };
  const answerSecondPage = (answer: (response: ServerResponse) => void) =>
    answerPages((response, page) =>
      page === 1
        ? sendJson(response, 200, {
            ports: resources(2),
            ports_links: [{ rel: 'next', href: 'http://x/?marker=t001' }],
          })
        : answer(response),
    );

  it.each<[string, unknown]>([
    ['a body without the collection', { servers: [] }],
    ['null in its place', { ports: null }],
    ['an object in its place', { ports: {} }],
    ['a list in place of the object', []],
    ['an error inside a 200', { error: { code: 500, message: 'boom' } }],
    ['a row without an id', { ports: [{ id: 'a' }, { owner: 'p' }] }],
    ['a row that is null', { ports: [null] }],
    ['links that are not a list', { ports: [], ports_links: 'http://x/?marker=1' }],
    ['a next link without an address', { ports: resources(1), ports_links: [{ rel: 'next' }] }],
    [
      'a next link without a marker',
      { ports: [], ports_links: [{ rel: 'next', href: 'http://x/v2.0/ports' }] },
    ],
  ])('%s is an error', async (_name, body) => {
    answerPages((response) => sendJson(response, 200, body));
    expect(await failureOf(ports('marker'))).toMatchObject({
      code: 'neutron.answer.unexpected',
      class: 'Unexpected',
    });
  });

  it('an HTML page with status 200, as a proxy shows it, is an error', async () => {
    answerPages((response) =>
      response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Log in</h1>'),
    );
    // A maintenance page: it is retried, and dead-lettered only when it lasts.
    expect(await failureOf(ports('marker'))).toMatchObject({
      code: 'neutron.answer.page',
      class: 'Transient',
    });
  });

  it('an empty body is an error', async () => {
    answerPages((response) => response.writeHead(204).end());
    expect(await failureOf(ports('marker'))).toMatchObject({ class: 'Unexpected' });
  });

  it.each<[string, (response: ServerResponse) => void, string]>([
    ['is missing (500)', (response) => sendJson(response, 500, {}), 'Transient'],
    ['is forbidden', (response) => sendJson(response, 403, {}), 'Denied'],
    [
      'has broken JSON',
      (response) =>
        response.writeHead(200, { 'content-type': 'application/json' }).end('{"ports": ['),
      'Transient',
    ],
    ['lacks the collection', (response) => sendJson(response, 200, {}), 'Unexpected'],
    [
      'breaks off',
      (response) =>
        response
          .writeHead(200, { 'content-length': '99' })
          .write('{"ports": []}', () => response.socket?.destroy()),
      'Transient',
    ],
  ])('a second page that %s is an error', async (_name, answer, expected) => {
    answerSecondPage(answer);
    expect(await failureOf(ports('marker'))).toMatchObject({ class: expected });
  });

  it('further pages of a list without paging are an error', async () => {
    answerPages((response) =>
      sendJson(response, 200, {
        ports: resources(1),
        ports_links: [{ rel: 'next', href: 'http://x/?marker=t000' }],
      }),
    );
    expect(await failureOf(ports('none'))).toMatchObject({ class: 'Unexpected' });
    expect(pages()[0]?.query.has('limit')).toBe(false);
  });

  it('a list whose URL does not exist is an error, and not an empty list', async () => {
    answerPages((response) =>
      sendJson(response, 404, { NeutronError: { message: 'The resource could not be found.' } }),
    );
    const report = await failureOf(ports('marker'));
    expect(report).toMatchObject({ code: 'neutron.http.404', class: 'Gone' });
    expect(report.advice).toContain('endpoint');
  });
});

describe('a row that is removed between two pages', () => {
  const refuseMarker = (status: number, times: number) => {
    let refusals = 0;
    cloud.script = (request, response) => {
      if (request.query.get('marker') !== 't001' || refusals >= times)
        return STYLES.marker(request, response, resources(5));
      refusals += 1;
      return sendJson(response, status, {
        badRequest: { code: status, message: 'marker [t001] not found' },
      });
    };
  };

  it.each([400, 404])(
    'restarts the list when the service answers %i to its marker',
    async (status) => {
      refuseMarker(status, 2);
      expect(await ports('marker', { pageSize: 2 })).toEqual({
        rows: resources(5),
        hasMore: false,
      });
    },
  );

  it('makes the listing Transient, and not empty, if it happens repeatedly', async () => {
    refuseMarker(400, 99);
    expect(await failureOf(ports('marker', { pageSize: 2 }))).toMatchObject({
      code: 'neutron.answer.changed',
      class: 'Transient',
    });
  });
});

it('the next page is read from the link, because key pairs have no id', async () => {
  cloud.script = (request, response) => {
    const first = request.query.get('marker') === null;
    const ports_links = first ? [{ rel: 'next', href: 'http://x/?marker=the%20name' }] : [];
    sendJson(response, 200, {
      ports: [{ keypair: { name: request.query.get('marker') } }],
      ports_links,
    });
  };
  const api = await cloud.network();
  const read = await api.list('/os-keypairs', {
    collection: 'ports',
    row: z.looseObject({}),
    paging: 'marker',
  });
  expect(read.rows).toEqual([{ keypair: { name: null } }, { keypair: { name: 'the name' } }]);
});

it("Cinder's links to the next page are read from the singular name: group_links of groups", async () => {
  cloud.script = (request, response) => {
    const more =
      request.query.get('marker') === null
        ? { port_links: [{ rel: 'next', href: 'http://x/?marker=t000' }] }
        : {};
    sendJson(response, 200, { ports: [{ id: request.query.get('marker') ?? 't000' }], ...more });
  };
  expect((await ports('marker')).rows).toHaveLength(2);
});

it("Trove's links to the next page, which have the name links and a marker that counts rows, are followed, and rejected in a list without paging", async () => {
  cloud.script = (request, response) => {
    const from = Number(request.query.get('marker') ?? 0);
    const more =
      from === 0 ? { links: [{ rel: 'next', href: 'https://x/v1.0/p/ports?marker=1' }] } : {};
    sendJson(response, 200, { ports: resources(2).slice(from, from + 1), ...more });
  };
  expect((await ports('marker')).rows.map(({ id }) => id)).toEqual(['t000', 't001']);
  expect(await failureOf(ports('none'))).toMatchObject({ code: 'neutron.answer.unexpected' });
});

describe('a list with the total number of rows', () => {
  it('continues after pages that are shorter than requested, and reads no unnecessary page', async () => {
    cloud.script = (request, response) => {
      const from = Number(request.query.get('offset') ?? 0);
      sendJson(response, 200, { ports: resources(7).slice(from, from + 3), total: 7 });
    };
    expect((await ports('total')).rows).toEqual(resources(7));
    expect(pages()).toHaveLength(3);
  });

  it('is an error when it has fewer rows, or no total', async () => {
    cloud.script = (request, response) =>
      sendJson(response, 200, { ports: request.query.has('offset') ? [] : resources(3), total: 7 });
    expect(await failureOf(ports('total'))).toMatchObject({
      code: 'neutron.answer.changed',
      class: 'Transient',
    });
    cloud.script = (_request, response) => sendJson(response, 200, { ports: resources(3) });
    expect(await failureOf(ports('total'))).toMatchObject({ code: 'neutron.answer.unexpected' });
  });
});

describe("Swift's listings", () => {
  const listBox = async (more: Partial<ListOptions<z.ZodType>> = {}) => {
    const swift = await cloud
      .connect()
      .api({ ...NETWORK, catalogTypes: ['object-store'] }, 'RegionOne');
    if (!swift) throw new Error('no swift');
    return swift.list('/box', { row: z.looseObject({}), paging: 'swift', ...more });
  };

  it('are requested as JSON and continue after the name of the last row, with any characters in it', async () => {
    const names = ['a/b ü%?', '..', 'z&marker=x'];
    cloud.script = (request, response) => {
      expect(request.query.get('format')).toBe('json');
      const at = request.query.get('marker');
      const next = at === null ? names[0] : names[names.indexOf(at) + 1];
      sendJson(response, 200, next === undefined ? [] : [{ name: next }]);
    };
    expect((await listBox({ pageSize: 1 })).rows).toEqual(names.map((name) => ({ name })));
  });

  it('continue among the versions of one object, which share its name', async () => {
    const versions = ['3', '2', '1'].map((version_id) => ({ name: 'o', version_id }));
    cloud.script = (request, response) => {
      const at = request.query.get('version_marker');
      const next =
        request.query.get('marker') === null
          ? 0
          : versions.findIndex((one) => one.version_id === at) + 1;
      sendJson(response, 200, versions.slice(next, next + 1));
    };
    expect((await listBox({ pageSize: 1, query: { versions: '' } })).rows).toEqual(versions);
  });

  it('are an error without names, because they cannot be continued', async () => {
    cloud.script = (_request, response) => sendJson(response, 200, [{}]);
    expect(await failureOf(listBox())).toMatchObject({ class: 'Unexpected' });
  });
});
