/** One suite on the embedded database and on a PostgreSQL server that is started for it. */
export default {
  rootDir: '../..',
  transform: {},
  extensionsToTreatAsEsm: ['.ts'],
  testMatch: ['<rootDir>/test/engine/**/*.test.ts'],
};
