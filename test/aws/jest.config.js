/**
 * The real template, deployed on an emulator that is started for it: with the rehearsal cloud as
 * OpenStack, and with the real one that
 * `OS_CLOUD` names, whose notifications come through `RABBITMQ_URL`.
 */
const withRealCloud = Boolean(process.env.OS_CLOUD && process.env.RABBITMQ_URL);
if (!withRealCloud)
  console.error('without OS_CLOUD and RABBITMQ_URL the suite with a real cloud is left out');

export default {
  rootDir: '../..',
  transform: {},
  extensionsToTreatAsEsm: ['.ts'],
  // One after the other: each packages the stack, in the one folder where that is done.
  maxWorkers: 1,
  testMatch: ['<rootDir>/test/aws/**/*.test.ts'],
  testPathIgnorePatterns: withRealCloud ? [] : ['real-cloud'],
};
