import base from '../../jest.config.js';

/** The relay against a real RabbitMQ on loopback. */
export default {
  ...base,
  rootDir: '../..',
  testMatch: ['<rootDir>/test/relay/**/*.rabbit.ts'],
  testPathIgnorePatterns: ['/node_modules/'],
  maxWorkers: 1,
  // Above the waits of the tests, whose errors name what was awaited.
  testTimeout: 150_000,
};
