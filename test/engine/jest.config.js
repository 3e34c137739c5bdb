import base from '../../jest.config.js';

/**
 * One suite on the embedded database, on a PostgreSQL server and on an AWS emulator on loopback,
 * which the suite starts.
 */
export default {
  ...base,
  rootDir: '../..',
  testMatch: ['<rootDir>/test/engine/**/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/'],
  testTimeout: 60_000,
};
