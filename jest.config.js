/** Jest 30.5 strips the types itself through Node 24: no transformer. */
export default {
  testTimeout: 5000 * Number(process.env.PROPERTY_RUNS_FACTOR ?? 1),
  transform: {},
  extensionsToTreatAsEsm: ['.ts'],
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  testPathIgnorePatterns: [
    '/node_modules/',
    '<rootDir>/test/(openstack|engine|reliability|relay|aws)/',
  ],
};
