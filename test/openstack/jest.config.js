/**
 * The suite for a real cloud. Its files run one after the other, because a stopped broker affects
 * all of them.
 */
export default {
  rootDir: '../..',
  transform: {},
  extensionsToTreatAsEsm: ['.ts'],
  testMatch: ['<rootDir>/test/openstack/**/*.test.ts'],
  maxWorkers: 1,
  // Above the waits of the tests, whose errors name what was awaited.
  testTimeout: 1_800_000,
};
