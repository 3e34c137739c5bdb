import { jest } from '@jest/globals';

/** `PROPERTY_RUNS_FACTOR=50` runs each property fifty times as often as usual. */
const FACTOR = Number(process.env.PROPERTY_RUNS_FACTOR ?? 1);
if (FACTOR !== 1) jest.setTimeout(60_000 * FACTOR);

/** Returns the number of runs of a property whose usual number this is. */
export const runs = (usual: number): number => Math.ceil(usual * FACTOR);

/** Returns the time limit in milliseconds of a property whose usual limit this is. */
export const timeLimit = (usual: number): number => usual * FACTOR;
