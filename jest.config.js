/** Jest 30.5 strips the types itself through Node 24: no transformer. */
export default {
  transform: {},
  extensionsToTreatAsEsm: ['.ts'],
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  testPathIgnorePatterns: [
    '/node_modules/',
    '<rootDir>/test/(openstack|engine|reliability|relay|aws)/',
  ],
};
