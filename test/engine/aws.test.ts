import { TestAws } from './aws.ts';
import { engineSuite } from './suite.ts';

let aws: TestAws;
beforeAll(async () => {
  aws = await TestAws.start();
}, 180_000);
afterAll(() => aws.stop(), 30_000);

engineSuite(
  'The engine on AWS',
  async () => {
    const stage = await aws.stage();
    return {
      open: async () => stage.openWithAnyQueue(),
      delayStepMillis: 1000,
      end: () => Promise.resolve(),
    };
  },
  { isServerless: true },
);
