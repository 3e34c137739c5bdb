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

/** The API over an engine in memory, in its form on loopback, and the log lines that it wrote. */
export function apiUnderTest(more: Partial<ApiDeps> = {}) {
  const engine = new SteppedEngine();
  const lines: LogLine[] = [];
  const line = (level: LogLine['level']) => (fields: Record<string, unknown>, message: string) =>
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
    log: { warn: line('warn'), error: line('error') } as ApiDeps['log'],
    health: () => ({ ok: true }),
    now: () => engine.time,
    ...more,
  });
  return { app, engine, lines };
}

export const BASE = 'http://127.0.0.1:8787';
