/** The real process, killed and starved, on the embedded database and on a PostgreSQL server. */
export default {
  rootDir: '../..',
  transform: {},
  extensionsToTreatAsEsm: ['.ts'],
  testMatch: ['<rootDir>/test/reliability/**/*.test.ts'],
  maxWorkers: 1,
};
