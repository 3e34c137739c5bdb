import { createApi } from '../../../lib/api/api.ts';
import type { ApiDeps } from '../../../lib/api/deps.ts';
import { SteppedEngine } from '../../../lib/engine/memory/stepped.ts';
import { apiAccess } from '../../api-tokens.ts';
import { Simulation } from '../../property/simulation.ts';

export interface LogLine {
  readonly level: 'warn' | 'error';
  readonly fields: Record<string, unknown>;
  readonly message: string;
}

/**
 * Creates the API over an engine in memory, as the API on loopback with local tokens. `lines`: the
 * log lines that the API has written.
 */
export function apiUnderTest(overrides: Partial<ApiDeps> = {}) {
  const engine = new SteppedEngine();
  const lines: LogLine[] = [];
  const recordLine =
    (level: LogLine['level']) => (fields: Record<string, unknown>, message: string) =>
      void lines.push({ level, fields, message });
  const { deps } = new Simulation({
    resources: [0, 0, 0],
    lingers: 0,
    failures: 0,
    failWith: 'Transient',
  });
  const app = createApi({
    ...deps,
    engine,
    authentication: apiAccess.authentication,
    log: { warn: recordLine('warn'), error: recordLine('error') } as ApiDeps['log'],
    health: () => ({ ok: true }),
    now: () => engine.time,
    ...overrides,
  });
  return { app, engine, lines };
}

export const BASE = 'http://127.0.0.1:8787';
