import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openPostgresEngine } from '../../lib/engine/postgres/open.ts';
import { QUICK_RETRY } from './engine-store.ts';
import { engineSuite } from './suite.ts';

engineSuite('The embedded engine', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'propagator-'));
  return {
    open: () => openPostgresEngine({ dataFolder: folder, retry: QUICK_RETRY }),
    end: async () => rmSync(folder, { recursive: true }),
  };
});
