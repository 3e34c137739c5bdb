import { benchAws } from './aws.ts';
import { benchBundles } from './bundles.ts';
import { benchCost } from './cost.ts';
import { benchEmbedded, benchServer } from './engine.ts';
import { benchNotifications } from './notifications.ts';
import { benchProjectCleanup } from './project-cleanup.ts';
import { benchScale } from './scale.ts';
import { benchSimulated } from './simulated.ts';
import { benchStack } from './stack.ts';
import { benchStart } from './start.ts';

/** One part of the measurements. It can also run alone: `node bench/FILE`. */
interface Part {
  readonly file: string;
  readonly measures: string;
  readonly needs: readonly ('RABBITMQ_URL' | 'OS_CLOUD')[];
  run(): Promise<void>;
}

const PARTS: readonly Part[] = [
  { file: 'start.ts', measures: 'time from the command to ready', needs: [], run: benchStart },
  { file: 'engine.ts embedded', measures: 'the engine on PGlite', needs: [], run: benchEmbedded },
  { file: 'engine.ts server', measures: 'the engine on PostgreSQL', needs: [], run: benchServer },
  {
    file: 'bundles.ts',
    measures: 'size and import time of the functions on AWS',
    needs: [],
    run: benchBundles,
  },
  {
    file: 'cost.ts',
    measures: 'cost of a stage on AWS, by list prices',
    needs: [],
    run: benchCost,
  },
  {
    file: 'stack.ts',
    measures: 'the stack on an AWS emulator, compared with one process',
    needs: [],
    run: benchStack,
  },
  {
    file: 'aws.ts',
    measures: 'functions and calls of a deletion on an AWS emulator',
    needs: [],
    run: benchAws,
  },
  {
    file: 'scale.ts',
    measures: 'large projects, a domain, and many projects',
    needs: [],
    run: () => benchScale(),
  },
  {
    file: 'simulated.ts',
    measures: 'the calls of a deletion, on a cloud in memory',
    needs: [],
    run: benchSimulated,
  },
  {
    file: 'notifications.ts',
    measures: 'notifications from a broker',
    needs: ['RABBITMQ_URL'],
    run: benchNotifications,
  },
  {
    file: 'project-cleanup.ts',
    measures: 'a project on a real cloud, compared with openstack project cleanup',
    needs: ['OS_CLOUD', 'RABBITMQ_URL'],
    run: benchProjectCleanup,
  },
];

/**
 * Measures every number in docs/measured.md. A part is skipped if an environment variable that it
 * needs is not set. The output names the skipped parts. Asserts nothing.
 */
const notMeasured: string[] = [];
for (const { file, measures, needs, run } of PARTS) {
  console.log(`\n== bench/${file}: ${measures}`);
  const missingVariables = needs.filter((name) => !process.env[name]);
  if (missingVariables.length > 0) {
    console.log(`skipped: ${missingVariables.join(' and ')} is not set`);
    notMeasured.push(`bench/${file} (${missingVariables.join(' and ')} is not set)`);
    continue;
  }
  try {
    await run();
  } catch (error) {
    // The other parts can still be measured.
    console.log(error);
    notMeasured.push(
      `bench/${file} (failed: ${error instanceof Error ? error.message.split('\n')[0] : error})`,
    );
    process.exitCode = 1;
  }
}
console.log(
  notMeasured.length > 0 ? `\nnot measured: ${notMeasured.join(', ')}` : '\nall parts measured',
);
