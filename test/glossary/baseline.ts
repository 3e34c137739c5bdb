import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import * as z from 'zod';
import type { Finding } from './findings.ts';

const FOLDER = 'test/glossary/baseline';
const Counts = z.record(z.string(), z.number().int().min(1));

/**
 * The area of a file. Each area has its own baseline file, so that two branches for different
 * folders do not conflict.
 */
const areaOf = (path: string): string => {
  const parts = path.split('/').slice(0, -1);
  return parts.slice(0, parts[1] === 'unit' ? 3 : 2).join('-') || 'pages';
};

/** The number of replaced words in each file. */
export const countsOf = (findings: readonly Finding[]): Record<string, number> =>
  Object.fromEntries(
    [...Map.groupBy(findings, ({ path }) => path)]
      .map(([path, found]) => [path, found.length] as const)
      .sort(([one], [other]) => (one < other ? -1 : 1)),
  );

/** The recorded number of replaced words in each file that is not clean yet. */
export const baseline = (): Record<string, number> =>
  Object.assign(
    {},
    ...readdirSync(FOLDER).map((name) =>
      Counts.parse(JSON.parse(readFileSync(`${FOLDER}/${name}`, 'utf8'))),
    ),
  );

/** Records the present numbers. */
export function writeBaseline(findings: readonly Finding[]): void {
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(FOLDER);
  const areas = Map.groupBy(Object.entries(countsOf(findings)), ([path]) => areaOf(path));
  for (const [area, counts] of areas)
    writeFileSync(
      `${FOLDER}/${area}.json`,
      `${JSON.stringify(Object.fromEntries(counts), undefined, 2)}\n`,
    );
}
