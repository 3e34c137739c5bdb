import { join } from 'node:path';
import type { Plugin } from 'esbuild';

/** Replaces undici by Node's HTTP client in the bundle of a function. */
export const httpAgent: Plugin = {
  name: 'http-agent',
  setup({ onResolve }) {
    onResolve({ filter: /^undici$/ }, () => ({ path: join(import.meta.dirname, 'http-agent.ts') }));
  },
};
