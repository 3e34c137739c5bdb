import fc from 'fast-check';
import { awkwardNames } from './seed-content.ts';
import { at, openTestCloud, rows, type TestCloud } from './test-cloud.ts';

let testCloud: TestCloud;
afterEach(() => testCloud.close());

describe('the Glance of the rehearsal cloud', () => {
  beforeEach(async () => {
    testCloud = await openTestCloud();
    testCloud.cloud.seed.fill(testCloud.project, 'small');
  });
  const listed = async (query: string): Promise<unknown[]> =>
    rows(
      (await testCloud.ask('image', 'GET', `/v2/images?owner=${testCloud.project}${query}`)).json,
      'images',
    ).map((row) => row.name);

  it('lists hidden and community images only if the query asks for them', async () => {
    expect(await listed('')).toEqual(expect.not.arrayContaining(['community', 'hidden']));
    expect(await listed('&visibility=all')).toEqual(
      expect.arrayContaining(['community', 'protected', 'shared']),
    );
    expect((await listed('&visibility=all&os_hidden=true')).toSorted()).toEqual([
      'hidden',
      'hidden-and-protected',
    ]);
  });

  it('returns 25 images per page unless the query asks for more', async () => {
    const [image] = testCloud.cloud.state.images.images.all();
    if (image)
      for (let n = 0; n < 30; n++)
        testCloud.cloud.state.images.images.add({
          ...image,
          id: `i-${n}`,
          visibility: 'private',
          os_hidden: false,
          owner: testCloud.project,
        });
    const { json } = await testCloud.ask(
      'image',
      'GET',
      `/v2/images?owner=${testCloud.project}&visibility=all`,
    );
    expect(rows(json, 'images')).toHaveLength(25);
    const rest = await testCloud.ask('image', 'GET', String(at(json, 'next')));
    expect(rows(json, 'images').length + rows(rest.json, 'images').length).toBe(36);
    expect(at(rest.json, 'next')).toBeUndefined();
  });

  it('keeps a protected image until its protection is removed', async () => {
    const [image] = testCloud.cloud.state.images.images.where((row) => row.name === 'protected');
    const path = `/v2/images/${image?.id}`;
    expect(await testCloud.status('image', 'DELETE', path)).toBe(403);
    const json = [{ op: 'replace', path: '/protected', value: false }];
    expect(await testCloud.status('image', 'PATCH', path, { json })).toBe(415);
    expect(
      await testCloud.status('image', 'PATCH', path, {
        json,
        headers: { 'Content-Type': 'application/openstack-images-v2.1-json-patch' },
      }),
    ).toBe(200);
    expect(await testCloud.status('image', 'DELETE', path)).toBe(204);
    expect(await testCloud.status('image', 'DELETE', path)).toBe(404);
  });
});

describe('the Swift of the rehearsal cloud', () => {
  const account = (): string => `//v1/AUTH_${testCloud.project}`;
  const bulk = async (lines: string[]) =>
    (
      await testCloud.ask('object', 'POST', `${account()}?bulk-delete`, {
        body: lines.join('\n'),
        headers: { 'Content-Type': 'text/plain', Accept: 'application/json' },
      })
    ).json;
  const names = async (container: string, query = ''): Promise<unknown[]> =>
    rows(
      (
        await testCloud.ask(
          'object',
          'GET',
          `${account()}/${encodeURIComponent(container)}?format=json${query}`,
        )
      ).json,
    ).map((row) => row.name);

  it('stores objects with any name, and returns them under that name', async () => {
    testCloud = await openTestCloud();
    testCloud.cloud.seed.fill(testCloud.project, 'small');
    expect((await names('awkward ü %')).toSorted()).toEqual(awkwardNames.toSorted());
    await fc.assert(
      fc.asyncProperty(
        fc
          .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
          .filter((name) => !/^\.{1,2}$/.test(name) && !name.includes('\0')),
        async (name) => {
          const path = `${account()}/container-0/${encodeURIComponent(name)}`;
          expect(await testCloud.status('object', 'PUT', path, { body: 'x' })).toBe(201);
          expect(await names('container-0')).toContain(name);
          expect(await bulk([`container-0/${encodeURIComponent(name)}`])).toMatchObject({
            'Number Deleted': 1,
            Errors: [],
          });
          expect(await names('container-0')).not.toContain(name);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('answers 200 to a failed bulk deletion, with the errors in the body', async () => {
    testCloud = await openTestCloud();
    testCloud.cloud.seed.fill(testCloud.project, 'small');
    expect(await bulk(['container-0', 'nothing/here'])).toEqual({
      'Response Status': '400 Bad Request',
      'Response Body': '',
      'Number Deleted': 0,
      'Number Not Found': 1,
      Errors: [['container-0', '409 Conflict']],
    });
  });

  it('keeps a versioned container until its last version is deleted', async () => {
    testCloud = await openTestCloud();
    testCloud.cloud.seed.fill(testCloud.project, 'small');
    const path = `${account()}/versioned`;
    expect(await names('versioned')).toEqual(['kept']);
    expect(await testCloud.status('object', 'DELETE', path)).toBe(409);
    await testCloud.ask('object', 'POST', path, { headers: { 'X-Versions-Enabled': 'false' } });
    for (const row of rows(
      (await testCloud.ask('object', 'GET', `${path}?versions&format=json`)).json,
    )) {
      expect(await testCloud.status('object', 'DELETE', path)).toBe(409);
      expect(
        await testCloud.status(
          'object',
          'DELETE',
          `${path}/${row.name}?version-id=${row.version_id}`,
        ),
      ).toBe(204);
    }
    expect(await testCloud.status('object', 'DELETE', path)).toBe(204);
  });

  it('lists pages by the name of the last row, in the order of bytes', async () => {
    testCloud = await openTestCloud({ swiftPageLimit: 3 });
    testCloud.cloud.seed.fill(testCloud.project, 'small');
    const seen: unknown[] = [];
    for (
      let page = await names('awkward ü %');
      page.length > 0;
      page = await names('awkward ü %', `&marker=${encodeURIComponent(String(seen.at(-1)))}`)
    )
      seen.push(...page);
    expect(seen).toEqual(
      awkwardNames.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
    );
  });

  it('marks an account as deleted if the cluster allows it, which is permanent', async () => {
    testCloud = await openTestCloud();
    testCloud.cloud.seed.fill(testCloud.project, 'small');
    expect(await testCloud.status('object', 'DELETE', `${account()}?bulk-delete=`)).toBe(200);
    expect(await testCloud.status('object', 'DELETE', `${account()}?typo`)).toBe(400);
    expect(await testCloud.status('object', 'DELETE', account())).toBe(204);
    expect(await testCloud.status('object', 'HEAD', account())).toBe(410);
    expect(await testCloud.status('object', 'PUT', `${account()}/new`)).toBe(503);
    expect(
      testCloud.cloud.store
        .resources(testCloud.project)
        .filter(({ resourceType }) => resourceType.startsWith('swift.')),
    ).toEqual([]);
  });

  it('refuses the deletion of an account if the cluster does not allow it, and other accounts to a caller without the reseller role', async () => {
    testCloud = await openTestCloud({ accountManagement: false });
    testCloud.cloud.seed.fill(testCloud.project, 'tiny');
    expect(await testCloud.status('object', 'DELETE', account())).toBe(405);
    await testCloud.close();
    testCloud = await openTestCloud({ adminRoles: ['admin', 'member', 'reader'] });
    testCloud.cloud.seed.fill(testCloud.project, 'tiny');
    expect(await testCloud.status('object', 'GET', account())).toBe(403);
  });
});
