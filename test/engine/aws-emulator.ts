import type { AwsEngineOptions } from '../../lib/engine/aws/open.ts';
import type { WorkerEngine } from '../../lib/engine/port.ts';
import { TestAws, type TestStage } from './aws.ts';
import type { AwsWorkerEngine } from './aws-event-source.ts';
import { type Fault, withFault } from './aws-faults.ts';
import { runOf } from './suite-delivery.ts';

export interface Opener {
  /** The emulator; available as soon as the tests run. */
  aws(): TestAws;
  open(stage: TestStage, options?: Partial<AwsEngineOptions>): AwsWorkerEngine;
  openWith(stage: TestStage, fault: Fault, options?: Partial<AwsEngineOptions>): AwsWorkerEngine;
}

/** Starts an emulator for the tests of one file. Its engines are closed after each test. */
export function withEmulator(): Opener {
  let aws: TestAws;
  const engines: WorkerEngine[] = [];
  beforeAll(async () => {
    aws = await TestAws.start();
  }, 180_000);
  afterAll(() => aws.stop(), 30_000);
  afterEach(async () => {
    for (const engine of engines.splice(0)) await engine.close(0);
  });
  const open: Opener['open'] = (stage, options = {}) => {
    const engine = stage.open(options);
    engines.push(engine);
    return engine;
  };
  return {
    aws: () => aws,
    open,
    openWith: (stage, fault, options = {}) =>
      open(stage, { aws: withFault(aws.aws, fault), ...options }),
  };
}

/** Records the runs that nova is requested to do from now on. */
export async function arrivingRuns(engine: WorkerEngine): Promise<number[]> {
  const runs: number[] = [];
  await engine.work(
    'service-nova',
    { concurrency: 1, batchSize: 10 },
    async (deliveries) => void runs.push(...deliveries.map(runOf)),
  );
  return runs;
}

export const numbers = (count: number) => Array.from({ length: count }, (_, index) => index + 1);
