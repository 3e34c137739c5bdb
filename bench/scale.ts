import Table from 'cli-table3';
import type { Size } from '../test/cloud/seed.ts';
import { type Cost, measure } from './scale/measure.ts';

/**
 * Deletes projects and a domain of several sizes on a rehearsal cloud with the latencies of a small
 * real cloud: `node bench/scale.ts [SHARE] [PART …]`. Each measurement starts its own propagator in
 * a separate process. `SHARE` is the share of the full size (default 0.1). The parts and their full
 * sizes:
 *
 * - `project`: one project of 1000 servers, 3000 ports and 50,000 objects;
 * - `domain`: one domain of 200 small projects;
 * - `queue`: 2000 small projects, deleted at the same time.
 *
 * Prints its progress once a minute, and a table at the end; asserts nothing. On a machine with other
 * load, only the processor time is meaningful.
 */
const PARTS = ['project', 'domain', 'queue'] as const;
type Part = (typeof PARTS)[number];

/** A project with at most a few resources of each type. */
const SMALL: Size = {
  servers: 1,
  volumes: 1,
  snapshotsPerVolume: 0,
  networks: 1,
  portsPerNetwork: 2,
  securityGroups: 2,
  images: 1,
  containers: 1,
  objectsPerContainer: 5,
};
/** Returns the size of the project of the part `project`, for this share of the full size. */
function largeSize(share: number): Size {
  const networks = atLeastOne(30 * share);
  const containers = atLeastOne(10 * share);
  return {
    ...SMALL,
    servers: atLeastOne(1000 * share),
    volumes: atLeastOne(100 * share),
    networks,
    portsPerNetwork: Math.round((3000 * share) / networks),
    containers,
    objectsPerContainer: Math.round((50_000 * share) / containers),
  };
}

/** One measurement: a part in one size. */
interface Case {
  readonly name: string;
  readonly run: () => Promise<Cost>;
}
const atLeastOne = (number: number): number => Math.max(1, Math.round(number));

/**
 * Returns the measurements of a part in three sizes, which show whether the cost per resource grows
 * with the size.
 */
function casesOf(part: Part, share: number): Case[] {
  return [share / 4, share / 2, share].map((sizeShare) => {
    if (part === 'project')
      return {
        name: `project, ${Math.round(1000 * sizeShare)} servers`,
        run: () => measure(largeSize(sizeShare), 1, 'projects'),
      };
    const projects = atLeastOne((part === 'domain' ? 200 : 2000) * sizeShare);
    const kind = part === 'domain' ? 'domain' : 'projects';
    return {
      name: `${part}, ${projects} projects`,
      run: () => measure(SMALL, projects, kind),
    };
  });
}

export async function benchScale(share = 0.1, parts: readonly Part[] = PARTS): Promise<void> {
  const table = new Table({
    head: [
      '',
      'resources',
      'wall',
      'calls per resource',
      'processor ms per resource',
      'peak MB',
      'heap, external MB',
      'loop p99, max ms',
      'end states',
      'load',
    ],
    style: { head: [], border: [], compact: true },
  });
  for (const { name, run } of parts.flatMap((part) => casesOf(part, share))) {
    const cost = await run();
    const perResource = (total: number): string => (total / cost.resources).toFixed(2);
    table.push([
      name,
      String(cost.resources),
      `${cost.seconds.toFixed(1)} s`,
      perResource(cost.calls),
      perResource(cost.processorSeconds * 1000),
      cost.peakMegabytes.toFixed(0),
      `${cost.heapMegabytes.toFixed(0)}, ${cost.externalMegabytes.toFixed(0)}`,
      `${cost.p99Millis.toFixed(0)}, ${cost.maxMillis.toFixed(0)}`,
      cost.endStates,
      cost.load.map((load) => load.toFixed(1)).join(', '),
    ]);
    console.log(`${name}: ${cost.seconds.toFixed(1)} s`);
  }
  console.log(table.toString());
}

if (import.meta.main) {
  const [share, ...parts] = process.argv.slice(2);
  const chosenParts = PARTS.filter((part) => parts.length === 0 || parts.includes(part));
  await benchScale(share === undefined ? undefined : Number(share), chosenParts);
}
