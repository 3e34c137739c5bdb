import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as z from 'zod';
import { invocationsSince } from '../../../bench/aws/reports.ts';
import { unitsSince } from '../../../bench/aws/units.ts';
import { listen, readBody } from '../../cloud/http.ts';

describe('the units of DynamoDB', () => {
  it('contain the writes to the index, also after a state before the measured time', () => {
    const folder = mkdtempSync(join(tmpdir(), 'units-'));
    const file = join(folder, 'calls');
    const call = (at: number, writes: number, ...states: [operation: string, state: string][]) =>
      JSON.stringify({
        at,
        reads: 1,
        writes,
        states: states.map(([operation, state]) => ({ operation, state })),
      });
    const lines = [
      call(1, 100, ['a', 'confirming']),
      call(5, 10, ['a', 'confirming'], ['b', 'confirming']),
      call(6, 20, ['a', 'running'], ['b', 'confirming']),
      call(7, 40, ['b', 'running'], ['b', 'finished']),
    ];
    writeFileSync(file, `${lines.join('\n')}\n`);
    try {
      // The index: 1 for the new b, 2 for a, and twice 2 for b.
      expect(unitsSince(file, 5)).toEqual({ reads: 3, writes: 70 + 1 + 2 + 4 });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('the invocations of functions', () => {
  it('are the lines REPORT of all pages of all logs', async () => {
    const report = (millis: string) =>
      `REPORT RequestId: 1\tDuration: ${millis} ms\tBilled Duration: 9 ms`;
    const pages: Record<string, unknown> = {
      '/aws/lambda/ingest': { events: [{ message: report('1.5'), timestamp: 1 }], nextToken: 'n' },
      '/aws/lambda/ingest n': {
        events: [
          { message: 'START', timestamp: 2 },
          { message: report('20'), timestamp: 3 },
        ],
        nextToken: 'n',
      },
      '/aws/lambda/sweep': { events: [{ message: report('0.25'), timestamp: 4 }] },
    };
    const Query = z.object({
      logGroupName: z.string().optional(),
      nextToken: z.string().optional(),
      startTime: z.number().optional(),
    });
    const queries: (number | undefined)[] = [];
    const server = createServer(async (request, response) => {
      const query = Query.parse(JSON.parse((await readBody(request)).toString('utf8')));
      const { logGroupName, nextToken } = query;
      if (logGroupName === undefined) {
        const logGroups = ['/aws/lambda/ingest', '/aws/lambda/sweep'].map((name) => ({
          logGroupName: name,
        }));
        response.end(JSON.stringify({ logGroups }));
        return;
      }
      queries.push(query.startTime);
      response.end(JSON.stringify(pages[[logGroupName, nextToken].filter(Boolean).join(' ')]));
    });
    const port = await listen(server, 0);
    try {
      expect(await invocationsSince(`http://127.0.0.1:${port}`, 7)).toEqual([
        { name: 'ingest', millis: 1.5 },
        { name: 'ingest', millis: 20 },
        { name: 'sweep', millis: 0.25 },
      ]);
      expect(queries).toEqual([7, 7, 7]);
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  });
});
