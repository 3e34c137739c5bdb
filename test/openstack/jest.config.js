/**
 * The suite against a real cloud: one file after the other, for a stopped broker is stopped for
 * all.
 */
export default {
  rootDir: '../..',
  transform: {},
  extensionsToTreatAsEsm: ['.ts'],
  testMatch: ['<rootDir>/test/openstack/**/*.test.ts'],
  maxWorkers: 1,
  testTimeout: 300_000,
};
