import base from '../../jest.config.js';

/**
 * The real template, deployed on an emulator that the suite starts: with the rehearsal cloud as
 * OpenStack, and with the real cloud that `OS_CLOUD` names. The notifications of the real cloud
 * come through `RABBITMQ_URL`.
 */
const withRealCloud = Boolean(process.env.OS_CLOUD && process.env.RABBITMQ_URL);
if (!withRealCloud)
  console.error('without OS_CLOUD and RABBITMQ_URL the suite with a real cloud is left out');

export default {
  ...base,
  rootDir: '../..',
  // One after the other: each packages the stack, in the one folder where that is done.
  maxWorkers: 1,
  testMatch: ['<rootDir>/test/aws/**/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/', ...(withRealCloud ? [] : ['real-cloud'])],
  testTimeout: 180_000,
};
