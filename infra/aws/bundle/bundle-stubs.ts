import { join } from 'node:path';
import type { Plugin } from 'esbuild';

/** In the bundle of a function, Node's own HTTP client takes the place of undici's. */
export const httpAgent: Plugin = {
  name: 'http-agent',
  setup({ onResolve }) {
    onResolve({ filter: /^undici$/ }, () => ({ path: join(import.meta.dirname, 'http-agent.ts') }));
  },
};
