/**
 * One suite on the embedded database, on a PostgreSQL server and on an AWS on loopback, which are
 * started for it.
 */
export default {
  rootDir: '../..',
  transform: {},
  extensionsToTreatAsEsm: ['.ts'],
  testMatch: ['<rootDir>/test/engine/**/*.test.ts'],
};
