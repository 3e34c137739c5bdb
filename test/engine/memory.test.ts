import { MemoryEngine } from '../../lib/engine/memory/open.ts';
import { MemoryStore } from '../../lib/engine/memory/store.ts';
import { QUICK_RETRY } from './engine-store.ts';
import { engineSuite } from './suite.ts';

engineSuite('The engine in memory', async () => {
  const store = new MemoryStore();
  return {
    open: async () => new MemoryEngine({ store, retry: QUICK_RETRY }),
    end: async () => {},
  };
});
