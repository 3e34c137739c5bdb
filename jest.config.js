/** Jest 30.5 strips the types itself through Node 24: no transformer. */
export default {
  transform: {},
  extensionsToTreatAsEsm: ['.ts'],
  // The bound for a test that hangs. On a slow machine a whole simulated cleanup takes seconds.
  testTimeout: 30_000,
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  testPathIgnorePatterns: [
    '/node_modules/',
    '<rootDir>/test/(openstack|engine|reliability|relay|aws)/',
  ],
};
