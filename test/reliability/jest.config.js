import base from '../../jest.config.js';

/** The real process, killed and starved, on the embedded database and on a PostgreSQL server. */
export default {
  ...base,
  rootDir: '../..',
  testMatch: ['<rootDir>/test/reliability/**/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/'],
  maxWorkers: 1,
  testTimeout: 600_000,
};
