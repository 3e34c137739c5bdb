/**
 * One suite on the embedded database, on a PostgreSQL server and on an AWS emulator on loopback,
 * which the suite starts.
 */
export default {
  rootDir: '../..',
  transform: {},
  extensionsToTreatAsEsm: ['.ts'],
  testMatch: ['<rootDir>/test/engine/**/*.test.ts'],
};
