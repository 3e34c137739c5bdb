import base from '../../jest.config.js';

/**
 * The suite for a real cloud. Its files run one after the other, because a stopped broker affects
 * all of them.
 */
export default {
  ...base,
  rootDir: '../..',
  testMatch: ['<rootDir>/test/openstack/**/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/'],
  maxWorkers: 1,
  // Above the waits of the tests, whose errors name what was awaited.
  testTimeout: 1_800_000,
};
